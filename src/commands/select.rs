//! Which jobs a command is about.

use super::ending::Failure;
use crate::cli::{Common, Shard};
use crate::record::sha256_hex;
use crate::snapshot::{JobKey, JobKind};

/// Those of `all` that were named and belong to the cluster and shard asked for. A name that no job has is an error.
pub fn select(all: Vec<JobKey>, named: &[String], common: &Common) -> Result<Vec<JobKey>, Failure> {
    if let Some(cluster) = &common.cluster
        && !all.iter().any(|job| job.cluster == *cluster)
    {
        return Err(Failure::Usage(format!(
            "no cluster `{cluster}` has jobs here: the configuration lists the clusters"
        )));
    }
    let mut wanted: Vec<JobKey> = Vec::new();
    for name in named {
        let found: Vec<&JobKey> = all.iter().filter(|job| is_named(job, name)).collect();
        if found.is_empty() {
            return Err(Failure::Usage(format!(
                "no job is called `{name}`: write [kind/]namespace/name, for example {}",
                all.first()
                    .map_or_else(|| "payments/orders".to_string(), JobKey::short)
            )));
        }
        wanted.extend(found.into_iter().cloned());
    }
    let mut chosen = if named.is_empty() { all } else { wanted };
    chosen.retain(|job| {
        common
            .cluster
            .as_ref()
            .is_none_or(|cluster| job.cluster == *cluster)
    });
    chosen.retain(|job| common.shard.is_none_or(|shard| in_shard(job, shard)));
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

fn is_named(job: &JobKey, name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    match parts[..] {
        [namespace, own] => job.namespace == namespace && job.name == own,
        [kind, namespace, own] => {
            kind_is(job.kind, kind) && job.namespace == namespace && job.name == own
        }
        [_, _, _, _] => job.to_string() == name,
        _ => false,
    }
}

fn kind_is(kind: JobKind, text: &str) -> bool {
    kind.to_string() == text.to_lowercase() || kind.resource_kind().eq_ignore_ascii_case(text)
}

/// A hash of the key, so that each job is in exactly one shard, whatever the others are.
fn in_shard(job: &JobKey, shard: Shard) -> bool {
    let digest = sha256_hex(job.to_string().as_bytes());
    let number = u32::from_str_radix(&digest[..8], 16).unwrap_or(0);
    number % shard.of == shard.index - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_is_in_exactly_one_shard() {
        for number in 0..200 {
            let job = JobKey {
                cluster: "c".into(),
                kind: JobKind::Deployment,
                namespace: "n".into(),
                name: format!("job-{number}"),
            };
            let shards = (1..=4)
                .filter(|index| {
                    in_shard(
                        &job,
                        Shard {
                            index: *index,
                            of: 4,
                        },
                    )
                })
                .count();
            assert_eq!(shards, 1);
        }
    }
}
