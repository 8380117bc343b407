#![allow(clippy::unwrap_used)]
use super::*;
use crate::evaluate::DemandBasis;
use crate::snapshot::{JobKind, Snapshot};

fn demand() -> Demand {
    Demand {
        basis: DemandBasis::ShortHistory,
        history_ms: 1,
        points: 1,
        mean_per_second: 50.0,
        highest_per_second: 90.0,
        quantile_per_second: 90.0,
        held_per_second: 80.0,
        ahead_per_second: 0.0,
        pause_seconds: 60.0,
        uncertainty_ln: 0.0,
        upper_per_second: 90.0,
        growth: 1.1,
        load_per_second: 100.0,
        restart_headroom: 0.2,
        backlog_per_second: 0.0,
        required_per_second: 120.0,
        by_source: BTreeMap::from([("a".to_owned(), 100.0)]),
        lower_bound: false,
        week: None,
    }
}

fn vertex(id: &str) -> VertexCapacity {
    VertexCapacity {
        id: id.to_owned(),
        name: format!("vertex {id}"),
        parallelism: 2,
        max_parallelism: None,
        records_per_source_record: 2.0,
        true_rate_per_second: 500.0,
        sd_ln: 0.1,
        required_per_second: 240.0,
        busy_median: 0.4,
        busy_highest: 0.6,
        cores_per_record_per_second: None,
        by_busy_per_second: None,
        observed_per_second: None,
        disagree: true,
        skew: 1.0,
        partitions: None,
        keyed: false,
    }
}

fn answer(text: &str) -> EvaluateAnswer {
    let text = format!("{{\"schema\":\"{PROTOCOL}\",{text}}}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_a_plug_in_says_takes_the_place_of_the_estimate_and_is_told() {
    let (mut load, mut vertices) = (demand(), vec![vertex("a"), vertex("b")]);
    let said = answer(
        r#""demand":{"load_per_second":200},"vertices":{"a":{"true_rate_per_second":300,"sd_ln":0.2},"b":{"required_per_second":120}},"message":"a fair is on""#,
    );
    let mut told = Told::default();
    told.hear("fair", &said, &mut load, &mut vertices);
    assert_eq!(load.load_per_second, 200.0);
    assert_eq!(load.required_per_second, 240.0);
    assert_eq!(load.by_source["a"], 200.0);
    assert_eq!(vertices[0].true_rate_per_second, 300.0);
    assert!(!vertices[0].disagree);
    assert_eq!(vertices[0].required_per_second, 480.0);
    assert_eq!(vertices[1].required_per_second, 120.0);
    assert_eq!(vertices[1].records_per_source_record, 0.5);
    assert!(told.gaps.is_empty() && told.names_capacity());
    assert_eq!(load.basis, DemandBasis::Plugin);
    let lines = told.lines(&vertices);
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0].0, "load by plug-in fair");
    assert_eq!(lines[0].1, "200 in place of 100 records/s");
    assert_eq!(lines[1].0, "true rate of vertex a by plug-in fair");
    // The same estimate, told again, comes out the same: that is how a plan is made and replayed.
    let (mut again, mut again_vertices) = (demand(), vec![vertex("a"), vertex("b")]);
    told.apply(&mut again, &mut again_vertices);
    assert_eq!((again, again_vertices), (load, vertices));
}

#[test]
fn insane_values_are_refused_as_gaps_that_name_the_plug_in_and_change_nothing() {
    for said in [
        r#""demand":{"load_per_second":0}"#,
        r#""demand":{"load_per_second":-3}"#,
        r#""demand":{"load_per_second":1.1e15}"#,
        r#""demand":{"required_per_second":99}"#,
        r#""vertices":{"a":{"true_rate_per_second":0}}"#,
        r#""vertices":{"a":{"true_rate_per_second":1e300}}"#,
        r#""vertices":{"a":{"sd_ln":3.1}}"#,
        r#""vertices":{"a":{"required_per_second":-1}}"#,
        r#""vertices":{"nobody":{"true_rate_per_second":5}}"#,
    ] {
        let (mut load, mut vertices) = (demand(), vec![vertex("a")]);
        let mut told = Told::default();
        told.hear("bad", &answer(said), &mut load, &mut vertices);
        assert_eq!(told.gaps.len(), 1, "{said}");
        assert!(told.gaps[0].what.ends_with("by evaluator bad"), "{said}");
        assert!(told.replacements.is_empty(), "{said}");
        assert_eq!((load, vertices), (demand(), vec![vertex("a")]), "{said}");
    }
    // Rust plug-ins can say what JSON can't.
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let (mut load, mut vertices) = (demand(), Vec::new());
        let mut said = EvaluateAnswer::default();
        said.demand.load_per_second = Some(number);
        let mut told = Told::default();
        told.hear("bad", &said, &mut load, &mut vertices);
        assert_eq!((told.gaps.len(), load), (1, demand()));
    }
}

#[test]
fn a_plug_in_that_is_wrong_everywhere_is_told_of_it_a_few_times() {
    let vertices: Vec<String> = (0..30)
        .map(|n| format!("\"v{n}\":{{\"true_rate_per_second\":1}}"))
        .collect();
    let said = answer(&format!("\"vertices\":{{{}}}", vertices.join(",")));
    let mut told = Told::default();
    told.hear("bad", &said, &mut demand(), &mut [vertex("a")]);
    assert_eq!(told.gaps.len(), 11);
    assert_eq!(told.gaps[10].reason, "20 more of its values were refused");
}

#[test]
fn external_metrics_are_few_named_plainly_and_finite() {
    let metrics = |pairs: &[(&str, f64)]| CollectAnswer {
        schema: PROTOCOL.to_owned(),
        metrics: pairs
            .iter()
            .map(|(name, number)| ((*name).to_owned(), *number))
            .collect(),
        ..CollectAnswer::default()
    };
    let mut kept = BTreeMap::from([("there".to_owned(), 1.0)]);
    let gaps =
        metrics(&[("queue.depth", 7.0), ("cold", -4.0), ("nothing", 0.0)]).add_to("q", &mut kept);
    assert!(gaps.is_empty());
    assert_eq!(kept.len(), 4);
    for wrong in [
        ("", 1.0),
        ("two words", 1.0),
        ("there", 2.0),
        ("x", f64::NAN),
        ("x", f64::INFINITY),
        ("x", 2e15),
    ] {
        let gaps = metrics(&[wrong]).add_to("q", &mut kept);
        assert_eq!(gaps.len(), 1, "{wrong:?}");
        assert!(gaps[0].what.ends_with("of collector q"));
    }
    assert_eq!(kept.len(), 4);
    assert_eq!(kept["there"], 1.0);
    let many: Vec<String> = (0..200).map(|n| format!("m{n}")).collect();
    let many: Vec<(&str, f64)> = many.iter().map(|name| (name.as_str(), 1.0)).collect();
    let gaps = metrics(&many).add_to("q", &mut kept);
    assert_eq!(kept.len(), MOST_METRICS);
    assert!(!gaps.is_empty() && gaps.len() <= 11);
}

#[test]
fn an_unknown_evaluator_another_schema_and_a_job_never_seen_are_errors() {
    let job = JobKey {
        cluster: "c".to_owned(),
        kind: JobKind::Deployment,
        namespace: "n".to_owned(),
        name: "j".to_owned(),
    };
    let request = EvaluateRequest::new("x", 0, History::empty(job.clone()));
    for name in BUILT_IN {
        assert!(built_in(name, &request).is_err(), "{name}");
    }
    assert!(matches!(
        built_in("x", &request),
        Err(BuiltInError::Unknown(_))
    ));
    let other = EvaluateRequest {
        schema: "v2".to_owned(),
        ..request
    };
    assert!(matches!(
        built_in("backlog", &other),
        Err(BuiltInError::Schema(_))
    ));
    let snapshot = Snapshot::new(job, 0, crate::snapshot::JobState::Running);
    assert!(snapshot.external.is_empty());
}
