//! The committed code is what the `.proto` files generate.
//!
//! No protoc and no build script: protox compiles the files, and this test writes what is missing or
//! different and then fails, so that running it twice brings the code up to date.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use prost::Message as _;
use prost_types::FileDescriptorSet;

const FILES: [&str; 5] = [
    "quorate/registry/v1/registry.proto",
    "quorate/registry/v1/lease.proto",
    "quorate/cluster/v1/cluster.proto",
    "quorate/cluster/v1/operator.proto",
    "quorate/peer/v1/peer.proto",
];

#[test]
fn the_committed_code_is_what_the_protos_generate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos = root.join("../../proto");
    let committed = root.join("src/gen");
    let fresh = tempfile::tempdir().unwrap();

    let descriptors = compile(&protos);
    fs::write(fresh.path().join("descriptors.bin"), without_comments(&descriptors)).unwrap();
    generate(descriptors, fresh.path());

    let changed = bring_up_to_date(fresh.path(), &committed);
    assert!(
        changed.is_empty(),
        "src/gen was out of date and has been rewritten: {changed:?}; review and commit it"
    );
}

#[test]
fn every_proto_file_is_generated() {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let found: BTreeSet<PathBuf> = proto_files(&protos).into_iter().collect();
    let listed: BTreeSet<PathBuf> = FILES.iter().map(|file| protos.join(file)).collect();
    assert_eq!(found, listed);
}

fn compile(protos: &Path) -> FileDescriptorSet {
    let mut compiler = protox::Compiler::new([protos]).unwrap();
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES).unwrap();
    compiler.file_descriptor_set()
}

fn generate(descriptors: FileDescriptorSet, out: &Path) {
    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".quorate.peer.v1")
        .out_dir(out)
        .compile_fds(descriptors)
        .unwrap();
}

/// The descriptors as reflection serves them: without the comments, which would double them.
fn without_comments(descriptors: &FileDescriptorSet) -> Vec<u8> {
    let mut descriptors = descriptors.clone();
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    descriptors.encode_to_vec()
}

fn bring_up_to_date(fresh: &Path, committed: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(committed).unwrap();
    let names: BTreeSet<_> = [fresh, committed].into_iter().flat_map(file_names).collect();
    let mut changed = Vec::new();
    for name in names {
        let (new, old) = (fs::read(fresh.join(&name)).ok(), fs::read(committed.join(&name)).ok());
        if new == old {
            continue;
        }
        match new {
            Some(bytes) => fs::write(committed.join(&name), bytes).unwrap(),
            None => fs::remove_file(committed.join(&name)).unwrap(),
        }
        changed.push(name);
    }
    changed
}

fn file_names(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| PathBuf::from(entry.unwrap().file_name()))
        .collect()
}

fn proto_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(proto_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files
}
