//! Which vertices read the job's input, by what flows.
//!
//! A vertex without inputs is usually the one that reads. Where it only hands out splits (Iceberg's and Paimon's monitors, Hudi's and the file
//! sources' enumerators, Beam's `Impulse`), the vertex behind it reads: a split goes in, thousands of records come out.

use super::Vertex;

/// Records out for each record in from which a vertex reads more than it is given.
const READS_FOR_A_SPLIT: f64 = 100.0;
/// Splits per second that a vertex may hand out; more are records.
const MOST_SPLITS_PER_SECOND: f64 = 100.0;
/// Records from which counters tell.
const ENOUGH: u64 = 1_000;
/// Records per second from which rates tell.
const ENOUGH_PER_SECOND: f64 = 10.0;

/// Marks the vertices that hand out splits and those that read them, by the counters since the execution began, else by rates. A reader's
/// input becomes what it reads: its output. A vertex whose lag or partitions are known reads itself, whatever flows behind it.
pub fn mark_inputs(vertices: &mut [Vertex]) {
    for vertex in vertices.iter_mut() {
        vertex.reads_input = None;
    }
    let mut monitors: Vec<usize> = Vec::new();
    let mut readers: Vec<usize> = Vec::new();
    for (place, vertex) in vertices.iter().enumerate() {
        if !vertex.inputs.is_empty() || reads_itself(vertex) || flows(vertex) {
            continue;
        }
        let mut below = Vec::new();
        readers_below(vertices, place, &mut below);
        if !below.is_empty() {
            monitors.push(place);
            readers.extend(below);
        }
    }
    for place in monitors {
        vertices[place].reads_input = Some(false);
    }
    for place in readers {
        let vertex = &mut vertices[place];
        vertex.reads_input = Some(true);
        vertex.records_in = vertex.records_out;
        vertex.records_in_per_second = vertex.records_out_per_second;
        vertex.records_in_spread = None;
    }
}

/// The readers that get the splits of a vertex, directly or through vertices that hand them on. None where a vertex below has other inputs too:
/// then it can't be told what it reads.
fn readers_below(vertices: &[Vertex], place: usize, found: &mut Vec<usize>) {
    let id = &vertices[place].id;
    let below = vertices.iter().enumerate().filter(|(_, vertex)| {
        vertex.inputs.len() == 1 && vertex.inputs.iter().all(|input| input.vertex == *id)
    });
    for (other, vertex) in below {
        if found.contains(&other) {
            continue;
        }
        if reads(vertex) {
            found.push(other);
        } else if !flows(vertex) && other > place {
            // Inputs come first, so this ends.
            readers_below(vertices, other, found);
        }
    }
}

/// Whether so much comes out of a vertex that it hands out records, not splits.
fn flows(vertex: &Vertex) -> bool {
    vertex
        .records_out_per_second
        .is_some_and(|rate| rate >= MOST_SPLITS_PER_SECOND)
}

/// Whether a source tells what waits outside: then it reads.
fn reads_itself(vertex: &Vertex) -> bool {
    vertex.pending_records.is_some() || vertex.source_partitions.is_some()
}

/// Whether far more comes out of a vertex than goes in.
fn reads(vertex: &Vertex) -> bool {
    if let (Some(read), Some(written)) = (vertex.records_in, vertex.records_out)
        && written >= ENOUGH
    {
        return written as f64 >= READS_FOR_A_SPLIT * read.max(1) as f64;
    }
    match (vertex.records_in_per_second, vertex.records_out_per_second) {
        (Some(read), Some(written)) => {
            written >= ENOUGH_PER_SECOND && written >= READS_FOR_A_SPLIT * read
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Input;

    fn vertex(id: &str, inputs: &[&str], read: u64, written: u64) -> Vertex {
        Vertex {
            inputs: inputs
                .iter()
                .map(|id| Input {
                    vertex: (*id).into(),
                    ship_strategy: "REBALANCE".into(),
                })
                .collect(),
            records_in: Some(read),
            records_out: Some(written),
            ..Vertex::new(id, id, 1)
        }
    }

    fn sources(vertices: &[Vertex]) -> Vec<&str> {
        vertices
            .iter()
            .filter(|vertex| vertex.is_source())
            .map(|vertex| vertex.id.as_str())
            .collect()
    }

    #[test]
    fn readers_are_found_behind_what_hands_out_splits() {
        let monitor = || {
            vec![
                vertex("monitor", &[], 40, 40),
                vertex("reader", &["monitor"], 40, 900_000),
                vertex("sink", &["reader"], 900_000, 0),
            ]
        };
        // (what, how it differs from a monitor before a reader, which vertices read)
        type Bend = fn(&mut Vec<Vertex>);
        let table: [(&str, Bend, &[&str]); 9] = [
            ("a monitor", |_| {}, &["reader"]),
            (
                "splits that are handed on",
                |all| {
                    all.insert(1, vertex("assigner", &["monitor"], 40, 80));
                    all[2].inputs[0].vertex = "assigner".into();
                },
                &["reader"],
            ),
            (
                "a source of records",
                |all| all[0].records_out_per_second = Some(300.0),
                &["monitor"],
            ),
            (
                "a source that tells its lag",
                |all| all[0].pending_records = Some(5.0),
                &["monitor"],
            ),
            (
                "a source that tells its partitions",
                |all| all[0].source_partitions = Some(4),
                &["monitor"],
            ),
            (
                "an ordinary fan-out",
                |all| all[1].records_out = Some(1_200),
                &["monitor"],
            ),
            (
                "nothing read yet",
                |all| all[1].records_out = Some(0),
                &["monitor"],
            ),
            (
                "a second input: which of them is read can't be told",
                |all| {
                    all.insert(0, vertex("other", &[], 9, 9));
                    let input = Input {
                        vertex: "other".into(),
                        ship_strategy: "HASH".into(),
                    };
                    all[2].inputs.push(input);
                },
                &["other", "monitor"],
            ),
            (
                "by rates where counters are missing",
                |all| {
                    for vertex in all.iter_mut() {
                        (vertex.records_in, vertex.records_out) = (None, None);
                    }
                    all[1].records_in_per_second = Some(0.05);
                    all[1].records_out_per_second = Some(20_000.0);
                },
                &["reader"],
            ),
        ];
        for (name, bend, expected) in table {
            let mut all = monitor();
            bend(&mut all);
            mark_inputs(&mut all);
            assert_eq!(sources(&all), expected, "{name}");
        }
        let mut all = monitor();
        mark_inputs(&mut all);
        assert_eq!(all[1].records_in, Some(900_000));
    }
}
