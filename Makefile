# make demo   builds, filters the sample photographs and the clip, proves the modes equal, measures
# make test   everything that must hold, on all cores, on one, and without C
# make bench  kernels, codecs and links, and a run on IMAGES=folder
# make bench-peers  the same work beside other tools, which it installs; ARGS='--only blur' for a part of it
# make lint   formatting, lints and documentation, warnings as errors
.PHONY: all build setup demo test test-long bench bench-peers lint golden pictures clip clean

CARGO ?= cargo
PROGRAM = target/release/lumaloom
# What `make bench` measures besides the kernels: a folder of your own photographs says more.
IMAGES ?= samples/photos
LOOK = eq=contrast=1.2:saturation=1.5:gamma=1.15,unsharp=5:5:1

all: build

build: setup
	$(CARGO) build --release --locked

setup:
	@scripts/setup

demo: build
	@scripts/setup ffmpeg
	@scripts/demo $(PROGRAM)

# What these ask of ffmpeg does not depend on our threads or codecs, and takes minutes: they run once, with everything.
ONCE = --skip kept:: --skip chunks:: --skip deaths:: --skip clip_bench:: --skip clip_rest:: --skip over_time:: --skip encoders::
# What one thread computes is the same on one core, and what ffmpeg is told too.
ALONE = --skip kernel:: --skip plan:: --skip filter:: --skip codec:: --skip ffmpeg::
# What has nothing to do with C of ours; pictures and animations have.
WITHOUT_C = --skip kernel:: --skip plan:: --skip filter:: --skip ffmpeg:: --skip video::

# One core first (built on all): what waits for a second thread hangs there. Then the build without C, which
# must give the same bytes (tests/golden is shared). Then everything.
test: setup
	@scripts/setup ffmpeg
	$(CARGO) test --locked --lib --bins --test it --no-run
	scripts/one-core $(CARGO) test --locked --lib --bins -- --test-threads=1 $(ALONE)
	scripts/one-core $(CARGO) test --locked --test it -- --test-threads=1 $(ONCE)
	$(CARGO) test --locked --no-default-features --features pure-rust --lib -- $(WITHOUT_C)
	$(CARGO) test --locked --no-default-features --features pure-rust --test it -- $(ONCE) $(WITHOUT_C)
	$(CARGO) test --locked

# The ignored tests too, and property tests with many more cases.
test-long: setup
	PROPTEST_CASES=4000 $(CARGO) test --locked --release -- --include-ignored

bench: build
	$(CARGO) bench --locked
	$(PROGRAM) bench $(IMAGES) -f eq=contrast=1.15:saturation=1.2,gamma=1.1 --modes inline,threads,processes

bench-peers: build
	@scripts/bench-peers $(PROGRAM) $(ARGS)

lint: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features pure-rust -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items

# Writes tests/golden anew. Look at the difference before committing it.
golden: setup
	LUMALOOM_GOLDEN=write $(CARGO) test --locked --test it golden

# The pictures that README.md shows.
pictures: build
	$(PROGRAM) images samples/photos/space/rocket.jpg -o samples/after/rocket.jpg -y -f eq=gamma=1.5:saturation=1.25,unsharp=5:5:0.6
	$(PROGRAM) images samples/photos/chelsea.png -o samples/after/chelsea.jpg -y -f curves=preset=vintage,unsharp=5:5:1
	$(PROGRAM) images samples/photos/space/astronaut.jpg -o samples/after/astronaut.jpg -y -f gray,gblur=1,sobel,negate,gamma=0.7
	@scripts/setup ffmpeg
	$(PROGRAM) video samples/clip.mp4 -o samples/after/clip-before-%d.jpg -y --ss 3.5 --frames 1 --quality 80
	$(PROGRAM) video samples/clip.mp4 -o samples/after/clip-after-%d.jpg -y --ss 3.5 --frames 1 --quality 80 -f $(LOOK)

# The clip of the samples, from the photographs; other versions of ffmpeg give other bytes.
clip:
	@scripts/setup ffmpeg
	scripts/clip samples/clip.mp4

clean:
	$(CARGO) clean
