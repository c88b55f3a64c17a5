//! Options as words, for every command line that we make: of a stage, or for a person to type.

use std::ffi::OsString;

use lumaloom::plan::Chain;

use super::value::Mem;

/// An option that has a value, as two words.
pub fn option(name: &str, value: Option<impl Into<OsString>>) -> Vec<OsString> {
    value.map_or_else(Vec::new, |value| vec![name.into(), value.into()])
}

/// The chain, if there is one.
pub fn filter(chain: &Chain) -> Vec<OsString> {
    let chain = chain.to_string();
    option("-f", (!chain.is_empty()).then_some(chain))
}

/// The memory, if it is not `auto`.
pub fn memory(mem: Mem) -> Vec<OsString> {
    match mem {
        Mem::Auto => Vec::new(),
        Mem::Part(_) | Mem::Bytes(_) => vec!["--mem".into(), mem.to_string().into()],
    }
}
