//! What a section does not say itself is what holds for all.

use super::Config;

/// Gives every server the certificates and the proxy of the whole configuration, and each job the way in of its cluster, where
/// they name none of their own.
pub(super) fn inherit(config: &mut Config) {
    let (tls, proxy) = (&config.tls, config.proxy.as_ref());
    for cluster in &mut config.clusters {
        let of_cluster = cluster.access.clone().unwrap_or_default().or(tls, proxy);
        for job in &mut cluster.jobs {
            let own = job.access.as_ref();
            job.access = Some(own.map_or_else(|| of_cluster.clone(), |own| own.or(tls, proxy)));
        }
        cluster.access = Some(of_cluster);
    }
    if let Some(store) = &mut config.history.prometheus {
        let access = store.access().or(tls, proxy);
        (store.tls, store.proxy) = (access.tls, access.proxy);
    }
    let github = &mut config.forge.github;
    github.tls = github.tls.or(tls);
    github.proxy = github.proxy.clone().or_else(|| proxy.cloned());
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn what_holds_for_all_holds_where_nothing_else_is_said() {
        let config = parse(
            "f",
            "tls: {ca: all.pem}\nproxy: http://all:1\nclusters:\n- name: a\n  access: {bearer_token_env: TOKEN}\n  jobs:\n  \
             - {namespace: n, name: one, rest: 'http://one'}\n  \
             - {namespace: n, name: two, rest: 'http://two', access: {basic: {user: me}, tls: {ca: two.pem}, proxy: none}}\n\
             history: {prometheus: {url: 'http://p'}}\nforge: {github: {tls: {ca: hub.pem}}}\n",
        )
        .unwrap();
        let one = config.clusters[0].jobs[0].access.clone().unwrap();
        assert_eq!(one.bearer_token_env.as_deref(), Some("TOKEN"));
        assert_eq!(
            (one.tls.ca.as_deref(), one.proxy()),
            (Some("all.pem"), Some("http://all:1"))
        );
        // A way in of its own is whole: no token of the cluster goes along with a user of the job.
        let two = config.clusters[0].jobs[1].access.clone().unwrap();
        assert_eq!(two.bearer_token_env, None);
        assert_eq!(
            (two.tls.ca.as_deref(), two.proxy()),
            (Some("two.pem"), None)
        );
        let store = config.history.prometheus.unwrap();
        assert_eq!(
            (store.tls.ca.as_deref(), store.proxy.as_deref()),
            (Some("all.pem"), Some("http://all:1"))
        );
        let github = config.forge.github;
        assert_eq!(
            (github.tls.ca.as_deref(), github.proxy.as_deref()),
            (Some("hub.pem"), Some("http://all:1"))
        );
    }
}
