//! File operations that must survive a power cut.
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Makes names in a directory durable: creations, renames and removals.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces a file in one step, durably: a reader sees the old content or the new one, also after a power cut.
pub fn replace_with(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = dir.join(format!(".{}.{}.tmp", name.trim_start_matches('.'), std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_data()?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        // Best effort: the error that matters is the one above.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_dir(dir)
}

/// Allows as many descriptors as the hard limit does: a followed file needs one.
pub fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Staying at the soft limit is no failure: files beyond it are reported when they cannot be opened.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
