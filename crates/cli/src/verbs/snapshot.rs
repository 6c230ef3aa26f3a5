//! Verbs for snapshots of the whole state: one asks a cluster, the others are for a file alone.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use quorate_client::{Answer, SnapshotStream};
use quorate_server::{RestoredDoors, inspect_snapshot, restore_snapshot};
use tempfile::NamedTempFile;

use super::{Session, on_this_thread};
use crate::{
    args::{GlobalArgs, OutputFormat, RestoreArgs, SaveArgs, SnapshotArgs, SnapshotVerb},
    failure::Failure,
    output::{self, SnapshotView},
};

pub(super) fn run(global: GlobalArgs, args: &SnapshotArgs) -> Result<ExitCode, Failure> {
    let output = global.output;
    match &args.verb {
        SnapshotVerb::Save(args) => {
            let session = Session::open(global)?;
            on_this_thread(save(&session, args))?;
            print(&args.file, &args.file, output)
        }
        SnapshotVerb::Inspect(args) => print(&args.file, &args.file, output),
        SnapshotVerb::Restore(args) => restore(args, output),
    }
}

/// Checks the snapshot in `file`, and prints what is in it as that of `place`.
fn print(file: &Path, place: &Path, output: OutputFormat) -> Result<ExitCode, Failure> {
    let summary = inspect_snapshot(file).map_err(|error| Failure::Failed(error.to_string()))?;
    output::print(&SnapshotView::new(place, &summary), output)?;
    Ok(ExitCode::SUCCESS)
}

fn restore(args: &RestoreArgs, output: OutputFormat) -> Result<ExitCode, Failure> {
    let doors = RestoredDoors {
        client: args.advertise_client.clone(),
        peer: args.advertise_peer.clone(),
    };
    let summary = restore_snapshot(&args.file, &args.data_dir, doors);
    let summary = summary.map_err(|error| Failure::Failed(error.to_string()))?;
    output::print(&SnapshotView::new(&args.data_dir, &summary), output)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the file beside its place, and gives it its name when it is whole and durable.
async fn save(session: &Session, args: &SaveArgs) -> Result<(), Failure> {
    let path = &args.file;
    let refused = || {
        Failure::Failed(format!(
            "{} is there already; give --force to replace it",
            path.display()
        ))
    };
    if !args.force && path.exists() {
        return Err(refused());
    }
    let failed = |error: io::Error| Failure::Failed(format!("{} cannot be written: {error}", path.display()));
    let directory = directory(path);
    let mut file = NamedTempFile::with_prefix_in(".quorate-snapshot-", directory).map_err(failed)?;
    let Answer { value: pieces, .. } = session.answer(session.client.save_snapshot()).await?;
    write(session, pieces, &mut file, failed).await?;
    file.as_file().sync_all().map_err(failed)?;
    let named = if args.force {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    named.map_err(|error| {
        if error.error.kind() == io::ErrorKind::AlreadyExists {
            return refused();
        }
        failed(error.error)
    })?;
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed)
}

async fn write(
    session: &Session,
    mut pieces: SnapshotStream,
    file: &mut NamedTempFile,
    failed: impl Fn(io::Error) -> Failure,
) -> Result<(), Failure> {
    let broken = |error| Failure::of_request(&error, &session.endpoints);
    while let Some(piece) = pieces.next_piece().await.map_err(broken)? {
        file.write_all(&piece).map_err(&failed)?;
    }
    Ok(())
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}
