//! What operating systems do each in their own way.

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata},
    io,
    path::Path,
};

/// The standard output, as a file.
#[cfg(unix)]
pub(super) fn stdout() -> io::Result<File> {
    std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
pub(super) fn stdout() -> io::Result<File> {
    std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned().map(File::from)
}

#[cfg(unix)]
pub(super) use self::unix::*;

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

    use rustix::{fs as rfs, io::Errno, process};

    use super::*;

    /// Whether a name in a folder is a descriptor, and then whether it is this process's standard
    /// output.
    pub(in super::super) fn descriptor(folder: &Path, name: &OsStr) -> Option<bool> {
        let own = Path::new("/proc").join(std::process::id().to_string());
        let stdout = name == "1";
        if folder == Path::new("/dev/fd") || folder == own.join("fd") {
            return Some(stdout);
        }
        let threads = folder.starts_with(own.join("task"));
        let descriptors = folder.starts_with("/proc") && folder.ends_with("fd");
        descriptors.then_some(stdout && threads)
    }

    /// Whether `input` is the file that `metadata` tells of, by whatever name or link.
    pub(in super::super) fn is_same(input: &Path, metadata: &Metadata, _: &Path) -> bool {
        // Nothing is opened: a pipe would wait for its writer.
        fs::metadata(input)
            .is_ok_and(|input| input.dev() == metadata.dev() && input.ino() == metadata.ino())
    }

    /// What it is that is neither replaced nor written to.
    pub(in super::super) fn refused_kind(metadata: &Metadata) -> Option<&'static str> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            Some("a folder")
        } else if kind.is_block_device() {
            Some("a block device, and would hold a file system no more")
        } else if kind.is_socket() {
            Some("a socket")
        } else {
            None
        }
    }

    /// What keeps this user from renaming a file to `path` in the folder.
    pub(in super::super) fn fixed(folder: &Path, existing: Option<&Path>) -> Option<&'static str> {
        let folder_metadata = fs::metadata(folder).ok()?;
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
            let attributes = |path: &Path| {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                statx(CWD, path, flags, StatxFlags::TYPE)
                    .map_or(StatxAttributes::empty(), |statx| statx.stx_attributes)
            };
            if attributes(folder).intersects(StatxAttributes::IMMUTABLE | StatxAttributes::APPEND) {
                return Some("its folder is immutable or append-only (chattr)");
            }
            let of_file = existing.map_or(StatxAttributes::empty(), attributes);
            if of_file.intersects(StatxAttributes::IMMUTABLE | StatxAttributes::APPEND) {
                return Some("it is immutable or append-only (chattr)");
            }
            if of_file.intersects(StatxAttributes::MOUNT_ROOT) {
                return Some("it is a mount point, which cannot be replaced");
            }
        }
        let existing = fs::symlink_metadata(existing?).ok()?;
        let user = process::geteuid().as_raw();
        const STICKY: u32 = 0o1000;
        let sticky = folder_metadata.mode() & STICKY != 0
            && ![0, existing.uid(), folder_metadata.uid()].contains(&user);
        sticky.then_some("it is another user's, in a folder where only owners replace files")
    }

    /// Bytes that are available in the folder, where the file system tells. (What it keeps for the
    /// root user is not counted, not even for that.)
    pub(in super::super) fn free_space(folder: &Path) -> Option<u64> {
        let stat = rfs::statvfs(folder).ok()?;
        // No size at all: it does not tell.
        (stat.f_blocks > 0).then(|| stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// The process's own limit for the size of files in bytes.
    pub(in super::super) fn size_limit() -> Option<u64> {
        process::getrlimit(process::Resource::Fsize).current
    }

    /// Of a new file: the user's mask decides; `private` until it has another's mode.
    pub(in super::super) fn set_new_mode(builder: &mut tempfile::Builder<'_, '_>, private: bool) {
        let mode = if private { 0o600 } else { 0o666 };
        builder.permissions(fs::Permissions::from_mode(mode));
    }

    /// Gives the file another's owner and mode. Without the right to give it the group, the group's
    /// rights are the others'.
    pub(in super::super) fn keep(file: &File, old: &Metadata) -> io::Result<()> {
        let (user, group) = (rfs::Uid::from_raw(old.uid()), rfs::Gid::from_raw(old.gid()));
        let mut mode = old.mode() & 0o777;
        if rfs::fchown(file, Some(user), Some(group)).is_err()
            && rfs::fchown(file, None, Some(group)).is_err()
        {
            let others = mode & 0o007;
            mode = mode & 0o707 | mode & (others << 3);
        }
        match rfs::fchmod(file, rfs::Mode::from_raw_mode(mode as rfs::RawMode)) {
            // File systems without modes.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Renames unless something has the new name.
    pub(in super::super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "macos", target_os = "ios"))]
        if let result @ (Ok(()) | Err(Errno::EXIST)) =
            rfs::renameat_with(rfs::CWD, from, rfs::CWD, to, rfs::RenameFlags::NOREPLACE)
        {
            return Ok(result?);
        }
        fs::hard_link(from, to)?;
        fs::remove_file(from)
    }

    /// Whether writes go past the system's cache from now on, or no more.
    #[cfg(target_os = "linux")]
    pub(in super::super) fn set_direct(file: &File, direct: bool) -> bool {
        let set = |flags: rfs::OFlags| {
            let flags =
                if direct { flags | rfs::OFlags::DIRECT } else { flags - rfs::OFlags::DIRECT };
            rfs::fcntl_setfl(file, flags)
        };
        rfs::fcntl_getfl(file).and_then(set).is_ok() && direct
    }

    #[cfg(not(target_os = "linux"))]
    pub(in super::super) fn set_direct(_: &File, _: bool) -> bool {
        false
    }

    /// Waits until the folder's names are on the disk.
    pub(in super::super) fn sync_folder(folder: &Path) -> io::Result<()> {
        // A folder that cannot be read is not synced, but the file is there.
        let Ok(folder) = File::open(folder) else { return Ok(()) };
        match rfs::fsync(folder) {
            // File systems that do not sync folders.
            Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS | Errno::ROFS) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
pub(super) use self::other::*;

#[cfg(not(unix))]
mod other {
    use super::*;

    pub(in super::super) fn descriptor(_: &Path, _: &OsStr) -> Option<bool> {
        None
    }

    /// By path: hard links are not seen.
    pub(in super::super) fn is_same(input: &Path, _: &Metadata, path: &Path) -> bool {
        fs::canonicalize(input)
            .is_ok_and(|input| fs::canonicalize(path).is_ok_and(|path| input == path))
    }

    pub(in super::super) fn refused_kind(metadata: &Metadata) -> Option<&'static str> {
        metadata.is_dir().then_some("a folder")
    }

    pub(in super::super) fn fixed(_: &Path, _: Option<&Path>) -> Option<&'static str> {
        None
    }

    pub(in super::super) fn free_space(_: &Path) -> Option<u64> {
        None
    }

    pub(in super::super) fn size_limit() -> Option<u64> {
        None
    }

    pub(in super::super) fn set_new_mode(_: &mut tempfile::Builder<'_, '_>, _private: bool) {}

    pub(in super::super) fn keep(file: &File, old: &Metadata) -> io::Result<()> {
        file.set_permissions(old.permissions())
    }

    pub(in super::super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)?;
        fs::remove_file(from)
    }

    pub(in super::super) fn set_direct(_: &File, _: bool) -> bool {
        false
    }

    pub(in super::super) fn sync_folder(_: &Path) -> io::Result<()> {
        Ok(())
    }
}
