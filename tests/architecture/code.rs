//! The sources, read as code: what each file names, defines and hands on. What is compiled for tests only is left out.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use syn::visit::{self, Visit};

/// The repository's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A path through modules, from the crate's root: `["pass", "books", "Books"]`.
pub type Segments = Vec<String>;

/// A `pub fn` that others may call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Function {
    /// The type that it belongs to; none for a free function.
    pub of: Option<String>,
    /// Its name.
    pub name: String,
}

/// One file.
#[derive(Debug, Default)]
pub struct Source {
    /// Below `src/`, with `/`.
    pub file: String,
    /// Its module.
    pub module: Segments,
    /// Every path within the crate that it names, from the crate's root.
    pub own: BTreeSet<Segments>,
    /// Every path that starts elsewhere: `["std", "fs", "read"]`; and those that start with a name that was imported.
    pub other: BTreeSet<Segments>,
    /// Paths in code that is not an import: in calls, types, macros.
    pub named: BTreeSet<Segments>,
    /// Macros that it calls.
    pub macros: BTreeSet<String>,
    /// Names of methods that it calls.
    pub methods: BTreeSet<String>,
    /// Names that it hands on from other modules, with where they come from; a glob is `*`.
    pub handed_on: Vec<(String, Segments)>,
    /// The modules declared in it.
    pub modules: BTreeSet<String>,
    /// Names of its items.
    pub items: BTreeSet<String>,
    /// Its public functions.
    pub functions: BTreeSet<Function>,
    /// Whether anything in it is asynchronous.
    pub is_async: bool,
}

impl Source {
    /// The room that it is in: the first part of its module, or the file's own name for `main.rs` and `lib.rs`.
    pub fn room(&self) -> &str {
        match self.module.first() {
            Some(room) => room,
            None => self.file.trim_end_matches(".rs"),
        }
    }
}

/// Every file below `src/` that is compiled outside of tests, by its path there.
pub fn sources() -> &'static BTreeMap<String, Source> {
    static SOURCES: LazyLock<BTreeMap<String, Source>> = LazyLock::new(|| {
        let mut found = BTreeMap::new();
        for start in ["lib.rs", "main.rs"] {
            read(start, Vec::new(), &mut found);
        }
        found
    });
    &SOURCES
}

fn read(file: &str, module: Segments, found: &mut BTreeMap<String, Source>) {
    let text = fs::read_to_string(root().join("src").join(file))
        .unwrap_or_else(|error| panic!("src/{file}: {error}"));
    let source = of_text(file, module, &text);
    for child in &source.modules {
        let folder = match file.rsplit_once('/') {
            Some((folder, "mod.rs")) => format!("{folder}/"),
            Some(_) => format!("{}/", file.trim_end_matches(".rs")),
            None if source.module.is_empty() => String::new(),
            None => format!("{}/", file.trim_end_matches(".rs")),
        };
        let there = [
            format!("{folder}{child}.rs"),
            format!("{folder}{child}/mod.rs"),
        ];
        let Some(file) = there
            .iter()
            .find(|file| root().join("src").join(file).is_file())
        else {
            panic!("{file}: mod {child} has no file");
        };
        let mut module = source.module.clone();
        module.push(child.clone());
        read(file, module, found);
    }
    found.insert(file.to_string(), source);
}

/// One file's text as code.
pub fn of_text(file: &str, module: Segments, text: &str) -> Source {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut reader = Reader {
        module: module.clone(),
        source: Source {
            file: file.to_string(),
            module,
            ..Source::default()
        },
    };
    reader.visit_file(&parsed);
    reader.source
}

struct Reader {
    /// The module that is read now: that of the file, or one inline in it.
    module: Segments,
    source: Source,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && matches!(&attribute.meta, syn::Meta::List(list) if names_test(list.tokens.clone()))
    })
}

fn names_test(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter();
    match tokens.next() {
        Some(TokenTree::Ident(name)) if name == "test" => true,
        Some(TokenTree::Ident(name)) if name == "all" => match tokens.next() {
            Some(TokenTree::Group(group)) => names_test(group.stream()),
            _ => false,
        },
        _ => false,
    }
}

impl Reader {
    /// Puts a path where it belongs; gives it from the crate's root where it lies in the crate for certain.
    fn path(&mut self, path: &[String], imported: bool) -> Option<Segments> {
        let own = self.resolved(path);
        match &own {
            Some(own) => self.source.own.insert(own.clone()),
            None => self.source.other.insert(path.to_vec()),
        };
        if !imported {
            self.source.named.insert(path.to_vec());
        }
        own
    }

    fn resolved(&self, path: &[String]) -> Option<Segments> {
        let mut module = self.module.clone();
        let mut rest = path;
        match path.first().map(String::as_str)? {
            "crate" | "plimsoll" => {
                module.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    module.pop();
                    rest = &rest[1..];
                }
            }
            child if self.source.modules.contains(child) && path.len() > 1 => {}
            _ => return None,
        }
        module.extend(rest.iter().cloned());
        Some(module)
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String], hands_on: bool) {
        let with = |name: String| {
            let mut path = before.to_vec();
            if name != "self" || path.is_empty() {
                path.push(name);
            }
            path
        };
        match tree {
            syn::UseTree::Path(path) => {
                self.tree(&path.tree, &with(path.ident.to_string()), hands_on);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, hands_on);
                }
            }
            syn::UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.import(&with(name.clone()), &name, hands_on);
            }
            syn::UseTree::Rename(rename) => {
                let name = rename.rename.to_string();
                self.import(&with(rename.ident.to_string()), &name, hands_on);
            }
            syn::UseTree::Glob(_) => self.import(before, "*", hands_on),
        }
    }

    fn import(&mut self, path: &[String], name: &str, hands_on: bool) {
        if !hands_on {
            self.path(path, true);
            return;
        }
        // Handing on is no import: it tells where a name comes from.
        match self.resolved(path) {
            Some(from) => self.source.handed_on.push((name.to_string(), from)),
            None => drop(self.source.other.insert(path.to_vec())),
        }
    }

    /// Paths and calls in the tokens of a macro or an attribute.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut place = 0;
        while place < tokens.len() {
            match &tokens[place] {
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    place += 1;
                }
                TokenTree::Ident(_) => {
                    let mut path = Vec::new();
                    while let Some(TokenTree::Ident(part)) = tokens.get(place) {
                        path.push(part.to_string());
                        place += 1;
                        if !(is(&tokens, place, ':') && is(&tokens, place + 1, ':')) {
                            break;
                        }
                        place += 2;
                    }
                    self.in_tokens(&tokens, place, path);
                }
                _ => place += 1,
            }
        }
    }

    fn in_tokens(&mut self, tokens: &[TokenTree], after: usize, path: Segments) {
        let calls = matches!(tokens.get(after), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
        let method =
            after > path.len() * 3 - 2 && is(tokens, after - (path.len() * 3 - 2) - 1, '.');
        if is(tokens, after, '!') {
            self.source.macros.extend(path.last().cloned());
        } else if method && path.len() == 1 {
            if path[0] == "await" {
                self.source.is_async = true;
            } else if calls {
                self.source.methods.insert(path[0].clone());
            }
        } else if path.len() > 1 || calls {
            self.path(&path, false);
        }
    }
}

fn is(tokens: &[TokenTree], place: usize, sign: char) -> bool {
    matches!(tokens.get(place), Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_file(&mut self, file: &'ast syn::File) {
        // The modules first: a path that starts with one of them lies in it.
        for item in &file.items {
            if let syn::Item::Mod(module) = item
                && module.content.is_none()
                && !is_test(&module.attrs)
            {
                self.source.modules.insert(module.ident.to_string());
            }
        }
        visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        let (attributes, name): (&[syn::Attribute], Option<&syn::Ident>) = match item {
            syn::Item::Const(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            syn::Item::Impl(item) => (&item.attrs, None),
            syn::Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            syn::Item::Mod(item) => (&item.attrs, None),
            syn::Item::Static(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Type(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Use(item) => (&item.attrs, None),
            _ => (&[], None),
        };
        if is_test(attributes) {
            return;
        }
        if self.module == self.source.module {
            self.source.items.extend(name.map(ToString::to_string));
        }
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if is_public(&item.vis) {
            self.source.functions.insert(Function {
                of: None,
                name: item.sig.ident.to_string(),
            });
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let (None, syn::Type::Path(of)) = (&item.trait_, &*item.self_ty) {
            let of = of.path.segments.last().map(|part| part.ident.to_string());
            for part in &item.items {
                if let syn::ImplItem::Fn(method) = part
                    && is_public(&method.vis)
                    && !is_test(&method.attrs)
                {
                    self.source.functions.insert(Function {
                        of: of.clone(),
                        name: method.sig.ident.to_string(),
                    });
                }
            }
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let hands_on = !matches!(item.vis, syn::Visibility::Inherited);
        self.tree(&item.tree, &[], hands_on);
    }

    /// `pub(super)` says who may see something; it imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Segments = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        self.path(&parts, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        if let Some(name) = called.path.segments.last() {
            self.source.macros.insert(name.ident.to_string());
        }
        self.tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.source.methods.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.source.is_async |= signature.asyncness.is_some();
        visit::visit_signature(self, signature);
    }

    fn visit_expr_await(&mut self, wait: &'ast syn::ExprAwait) {
        self.source.is_async = true;
        visit::visit_expr_await(self, wait);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.source.is_async = true;
        visit::visit_expr_async(self, block);
    }
}

/// Where a name of the crate is defined: its file, and the name there if it is an item of it.
pub struct Crate<'a> {
    by_module: BTreeMap<&'a [String], &'a Source>,
}

impl<'a> Crate<'a> {
    /// Of these files.
    pub fn of(sources: &'a BTreeMap<String, Source>) -> Crate<'a> {
        Crate {
            by_module: sources
                .values()
                .filter(|source| source.file != "main.rs")
                .map(|source| (source.module.as_slice(), source))
                .collect(),
        }
    }

    /// The file that defines what a path from the root names, through whatever hands it on, and the item's name.
    pub fn find(&self, path: &[String]) -> Option<(&'a Source, Option<String>)> {
        self.find_within(path, 8)
    }

    fn find_within(&self, path: &[String], depth: usize) -> Option<(&'a Source, Option<String>)> {
        let mut here = *self.by_module.get(&[][..])?;
        for (place, part) in path.iter().enumerate() {
            if let Some(child) = self.by_module.get(&path[..=place])
                && here.module == path[..place]
            {
                here = child;
                continue;
            }
            if here.items.contains(part) || depth == 0 {
                return Some((here, Some(part.clone())));
            }
            for (name, from) in &here.handed_on {
                if name == part {
                    let mut through = from.clone();
                    through.extend_from_slice(&path[place + 1..]);
                    return self.find_within(&through, depth - 1);
                }
                if name == "*" {
                    let mut through = from.clone();
                    through.extend_from_slice(&path[place..]);
                    if let Some((source, Some(item))) = self.find_within(&through, depth - 1)
                        && source.items.contains(&item)
                    {
                        return Some((source, Some(item)));
                    }
                }
            }
            return Some((here, Some(part.clone())));
        }
        Some((here, None))
    }
}

/// The file below the repository's folder.
pub fn exists(path: &str) -> bool {
    Path::new(&root().join(path)).exists()
}
