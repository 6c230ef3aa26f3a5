//! A disk of one's own whose power can be cut: what was not synced is gone, as the file system itself sees it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// Asks ext4 to stop without writing its journal: `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`. A call that
/// takes `unsafe` in Rust, and that perl, which every Debian has, makes in one line.
const SHUTDOWN: &str = r#"open(my $disk, "<", $ARGV[0]) or die "open: $!";
my $no_log_flush = pack("L", 2);
ioctl($disk, 0x8004587d, $no_log_flush) or die "ioctl: $!";"#;

/// An ext4 file system in a file, mounted for one test. Unmounted and removed when dropped.
#[derive(Debug)]
pub struct PowerDisk {
    /// Holds the image and the place where it is mounted. Dropped after the unmounting.
    files: TempDir,
}

// === impl PowerDisk ===

impl PowerDisk {
    /// Makes and mounts a file system of `mib` MiB, or says why that is not possible: it takes root, loop devices and
    /// the tools of ext4.
    pub fn make(mib: u64) -> Result<Self, String> {
        let disk = Self { files: home()? };
        let image = File::create(disk.image()).map_err(|error| error.to_string())?;
        image.set_len(mib << 20).map_err(|error| error.to_string())?;
        fs::create_dir(disk.path()).map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").arg("-q").arg(disk.image()))?;
        disk.mount()?;
        run(&mut disk.shutdown()).inspect_err(|_| disk.unmount())?;
        disk.power_on();
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.files.path().join("disk")
    }

    /// Cuts its power. Whoever uses it gets errors from now on.
    pub fn cut(&self) {
        run(&mut self.shutdown()).expect("it was possible before");
    }

    /// Mounts it again as the power cut left it. Nobody may use it any more.
    pub fn power_on(&self) {
        run(Command::new("umount").arg(self.path())).expect("nobody uses it");
        self.mount().expect("a journal is made for this");
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount")
            .args(["-t", "ext4", "-o", "loop"])
            .arg(self.image())
            .arg(self.path()))
    }

    fn unmount(&self) {
        // Whatever still holds a file of it: it is gone from the tree now, and wholly with the last of those.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }

    fn shutdown(&self) -> Command {
        let mut command = Command::new("perl");
        command.args(["-e", SHUTDOWN]).arg(self.path());
        command
    }

    fn image(&self) -> PathBuf {
        self.files.path().join("image")
    }
}

impl Drop for PowerDisk {
    fn drop(&mut self) {
        self.unmount();
    }
}

/// In memory, where that is possible: the machine itself keeps its power.
fn home() -> Result<TempDir, String> {
    let memory = Path::new("/dev/shm");
    let home = if memory.is_dir() {
        TempDir::with_prefix_in("quorate-power-", memory)
    } else {
        TempDir::with_prefix("quorate-power-")
    };
    home.map_err(|error| error.to_string())
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", program.display(), said.trim()))
}
