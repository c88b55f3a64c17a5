//! Benches of parts between the kernels and a whole run: `cargo bench --bench parts`, or
//! `cargo bench --bench parts -- codecs` for some of them.

mod chains;
mod codecs;
mod links;
mod picture;

fn main() {
    divan::main();
}
