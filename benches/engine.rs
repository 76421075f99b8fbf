//! Plan, layout, index read, and joins per source and sink, on fragments of the fixtures.

use std::{hint::black_box, path::Path};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::StreamExt;
use media_concat::{
    Concat, Overwrite,
    options::{Durability, Options},
    source::{FileSource, MemorySource},
};
use media_concat_test_support::fixtures::fixture_bytes;
use tokio::runtime::Runtime;

/// Fragments in the joins that are measured.
const FRAGMENTS: usize = 200;

fn fixture() -> Bytes {
    fixture_bytes("a0.mp4")
}

fn from_memory(count: usize) -> Concat {
    let file = fixture();
    let options = Options::new().durability(Durability::Cached);
    (0..count).fold(Concat::new().options(options), |concat, index| {
        concat.fragment(MemorySource::new(index.to_string(), file.clone()), None)
    })
}

fn from_disk(folder: &Path, count: usize) -> Concat {
    let file = fixture();
    (0..count).fold(from_memory(0), |concat, index| {
        let path = folder.join(format!("{index}.mp4"));
        std::fs::write(&path, &file).expect("written");
        concat.fragment(FileSource::new(path), None)
    })
}

fn stages(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("stages");
    group.sample_size(20);
    group.bench_function("probe of one fragment", |bencher| {
        let one = from_memory(1);
        bencher.iter(|| runtime.block_on(black_box(&one).probe()).expect("probed"));
    });
    let probed = runtime
        .block_on(from_memory(FRAGMENTS).probe())
        .expect("probed");
    group.throughput(Throughput::Elements(FRAGMENTS as u64));
    group.bench_function("probe", |bencher| {
        bencher.iter(|| {
            runtime
                .block_on(from_memory(FRAGMENTS).probe())
                .expect("probed")
        });
    });
    group.bench_function("check", |bencher| {
        bencher.iter(|| probed.check().expect("they fit"));
    });
    group.bench_function("plan and layout", |bencher| {
        bencher.iter(|| runtime.block_on(probed.clone().plan()).expect("a plan"));
    });
    let planned = runtime.block_on(probed.plan()).expect("a plan");
    let layout = planned.layout();
    group.bench_function("slice of the layout", |bencher| {
        let middle = layout.size() / 2;
        bencher.iter(|| layout.slice(black_box(middle)..middle + 1_000_000).count());
    });
    group.finish();
}

fn joins(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.mp4");
    let mut group = criterion.benchmark_group("join");
    group.sample_size(10);
    for (name, concat) in [
        ("memory", from_memory(FRAGMENTS)),
        ("disk", from_disk(folder.path(), FRAGMENTS)),
    ] {
        let planned = runtime.block_on(concat.plan()).expect("a plan");
        group.throughput(Throughput::Bytes(planned.layout().size()));
        group.bench_function(format!("{name} to a file"), |bencher| {
            bencher.iter(|| {
                let written = planned.write_file(&out, Overwrite::Replace);
                runtime.block_on(written).expect("written")
            });
        });
        group.bench_function(format!("{name} to a stream"), |bencher| {
            bencher.iter(|| {
                let pieces = planned.stream();
                runtime.block_on(pieces.fold(0, |sum, piece| async move {
                    sum + piece.expect("streamed").len()
                }))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, stages, joins);
criterion_main!(benches);
