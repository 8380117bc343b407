//! The reader of sources itself: what counts, and what does not.

use super::code::of_text;

fn path(text: &str) -> Vec<String> {
    text.split("::").map(str::to_string).collect()
}

#[test]
fn architecture_reader_sees_every_way_to_name_something() {
    let text = r#"
        #[cfg(test)]
        use crate::clients::Hidden;
        use crate::{plan::{self, Item}, record as memory};
        use super::sister::Other as Renamed;
        mod child;
        #[cfg(test)]
        mod tests;
        pub use child::Handed;
        #[cfg(test)]
        fn only_for_tests() { crate::commands::run() }
        #[derive(clap::Parser)]
        struct Typed;
        pub fn free() -> crate::audit::Audit {
            let text = format!("{}", crate::watch::assess(1).await);
            child::call(std::fs::read);
            println!("{text}");
            value.method(git2::Oid::zero())
        }
        impl Typed { pub fn method(&self) {} fn hidden(&self) {} }
    "#;
    let source = of_text("room/file.rs", path("room::file"), text);
    for own in [
        "plan",
        "plan::Item",
        "record",
        "room::sister::Other",
        "audit::Audit",
        "watch::assess",
        "room::file::child::call",
    ] {
        assert!(source.own.contains(&path(own)), "{own}: {:?}", source.own);
    }
    for other in ["std::fs::read", "git2::Oid::zero", "clap::Parser"] {
        assert!(source.other.contains(&path(other)), "{other}");
    }
    assert!(
        source
            .own
            .iter()
            .all(|path| !["clients", "commands"].contains(&path[0].as_str()))
    );
    assert_eq!(
        source.handed_on,
        [("Handed".to_string(), path("room::file::child::Handed"))]
    );
    assert!(source.is_async && source.macros.contains("println"));
    assert!(source.methods.contains("method"));
    assert_eq!(source.modules.iter().collect::<Vec<_>>(), ["child"]);
    let functions: Vec<(Option<&str>, &str)> = source
        .functions
        .iter()
        .map(|function| (function.of.as_deref(), function.name.as_str()))
        .collect();
    assert_eq!(functions, [(None, "free"), (Some("Typed"), "method")]);
}
