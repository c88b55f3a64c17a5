# make demo   builds, filters the sample photographs, proves the modes equal, measures
# make test   everything that must hold, on all cores, on one, and without C
# make bench  kernels, codecs and links, and a run on IMAGES=folder
# make lint   formatting, lints and documentation, warnings as errors
.PHONY: all build setup demo test test-long bench lint golden clean

CARGO ?= cargo
PROGRAM = target/release/lumaloom
# What `make bench` measures besides the kernels: a folder of your own photographs says more.
IMAGES ?= samples/photos

all: build

build: setup
	$(CARGO) build --release --locked

setup:
	@scripts/setup

demo: build
	@scripts/demo $(PROGRAM)

# One core first: what waits for a second thread hangs there. Then the build without C, which
# must give the same bytes (tests/golden is shared). Then everything.
test: setup
	scripts/one-core $(CARGO) test --locked --lib --bins --test it -- --test-threads=1
	$(CARGO) test --locked --no-default-features --features pure-rust --lib --bins --test it
	$(CARGO) test --locked

# The ignored tests too, and property tests with many more cases.
test-long: setup
	PROPTEST_CASES=4000 $(CARGO) test --locked --release -- --include-ignored

bench: build
	$(CARGO) bench --locked
	$(PROGRAM) bench $(IMAGES) -f eq=contrast=1.15:saturation=1.2,gamma=1.1 --modes inline,threads,processes

lint: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features pure-rust -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items

# Writes tests/golden anew. Look at the difference before committing it.
golden: setup
	LUMALOOM_GOLDEN=write $(CARGO) test --locked --test it golden

clean:
	$(CARGO) clean
