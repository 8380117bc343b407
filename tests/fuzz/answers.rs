//! Answers of JobManagers.

use super::fuzz;
use crate::recordings::{Recorded, json, transport};
use plimsoll::clients::flink_rest::{Answer, Rest, RestError, Settings, read_job};
use plimsoll::clients::prometheus::read_answer;
use plimsoll::snapshot::{read_lines, write_line};
use std::path::Path;
use std::time::Duration;

/// A recorded JobManager of which one answer is another one.
struct Spoilt<'a> {
    recorded: &'a Recorded,
    which: usize,
    body: &'a [u8],
}

/// Beginnings of the endpoints whose answers are spoilt, in turn.
const ENDPOINTS: [&str; 6] = [
    "/jobs/overview",
    "/jobs/",
    "/overview",
    "/jobmanager/config",
    "/taskmanagers",
    "/",
];

impl Rest for Spoilt<'_> {
    async fn get(&self, path_and_query: &str) -> Result<Answer, RestError> {
        let answer = self.recorded.get(path_and_query).await?;
        if !path_and_query.starts_with(ENDPOINTS[self.which]) {
            return Ok(answer);
        }
        Ok(Answer {
            status: answer.status,
            body: self.body.to_vec(),
        })
    }

    fn endpoint(&self) -> String {
        "http://spoilt".to_string()
    }
}

#[test]
fn fuzz_answers_of_flink_become_snapshots_that_can_be_written_and_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/recordings/series/1.20.5/overprovisioned");
    let index = json(&folder.join("index.json"));
    let recorded = transport(&folder, &index, index["passes"].as_array().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let asked = [
        "/jobs/overview",
        "/overview",
        "/jobmanager/config",
        "/taskmanagers",
    ];
    let mut corpus: Vec<Vec<u8>> = asked
        .iter()
        .filter_map(|path| runtime.block_on(recorded.get(path)).ok())
        .map(|answer| answer.body)
        .collect();
    corpus.push(
        b"[{\"id\": \"busyTimeMsPerSecond\", \"min\": 1, \"max\": 2, \"avg\": 1.5, \"sum\": 3}]"
            .to_vec(),
    );
    let settings = Settings {
        deadline: Duration::from_secs(5),
        ..Settings::default()
    };
    let key = "lab/deployment/default/orders".parse().unwrap();
    let mut turn = 0;
    fuzz("answers of Flink", &corpus, |bytes| {
        turn = (turn + 1) % ENDPOINTS.len();
        let rest = Spoilt {
            recorded: &recorded,
            which: turn,
            body: bytes,
        };
        let snapshot = runtime.block_on(read_job(&rest, &key, None, Some(1), &settings));
        let line = write_line(&snapshot).unwrap();
        assert_eq!(
            read_lines(&line).0,
            [snapshot],
            "{}",
            String::from_utf8_lossy(bytes)
        );
    });
}

#[test]
fn fuzz_answers_of_a_prometheus_are_read_or_refused() {
    let corpus: Vec<Vec<u8>> = [
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a"},"values":[[1,"2"],[61,"NaN"]]}]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1.5,"+Inf"]}]},"warnings":["x"]}"#,
        r#"{"status":"error","errorType":"bad_data","error":"too many points"}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    fuzz("answers of a Prometheus", &corpus, |bytes| {
        let mut points = 0;
        let _ = read_answer(bytes, &mut |_, values| points += values.len());
        assert!(points <= bytes.len(), "more points than bytes");
    });
}
