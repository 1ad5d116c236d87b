"""A FUSE file system that passes all on to a folder, with the faults that a file asks for.

    faulty-fs.py FOLDER MOUNTPOINT FAULTS

FAULTS is JSON, read at each call: errors by call ({"link": "EIO"}; also "rename-over",
"rename-folder", "rename-out"), "owner" for the user that all shows, "granularity" of times in ns,
"names" of at most so many bytes, "folded" for names that differ only in case.
"""
import errno
import json
import os
import stat
import sys

from fusepy import FUSE, FuseOSError, Operations

root, mountpoint, faults = sys.argv[1:]


def read_faults():
    with open(faults) as file:
        return json.load(file)


def check(call):
    name = read_faults().get(call)
    if name is not None:
        raise FuseOSError(getattr(errno, name))


class Faulty(Operations):
    use_ns = True

    def init(self, path):
        os.write(1, b"ready")

    def real(self, path, made=False):
        asked = read_faults()
        name = os.path.basename(path)
        if len(name.encode()) > asked.get("names", 255):
            raise FuseOSError(errno.ENAMETOOLONG)
        if any(character in name for character in asked.get("refused", "")):
            raise FuseOSError(errno.EINVAL)
        full = root + path
        if asked.get("folded") and not os.path.lexists(full):
            folder = self.real(os.path.dirname(path)) if path != "/" else root
            for other in os.listdir(folder) if os.path.isdir(folder) else []:
                if other.casefold() == name.casefold():
                    return os.path.join(folder, other)
        return full

    def getattr(self, path, fh=None):
        # Through the descriptor, as the name may be gone.
        found = os.fstat(fh) if fh else os.lstat(self.real(path))
        keys = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_ino")
        out = {key: getattr(found, key) for key in keys}
        asked = read_faults()
        out["st_uid"] = asked.get("owner", found.st_uid)
        if "nlink" in asked:
            out["st_nlink"] = asked["nlink"]
        step = asked.get("granularity", 1)
        for key in ("atime", "mtime", "ctime"):
            out["st_" + key] = getattr(found, f"st_{key}_ns") // step * step
        return out

    def readdir(self, path, fh):
        check("readdir")
        return [".", ".."] + os.listdir(self.real(path))

    def readlink(self, path):
        return os.readlink(self.real(path))

    def mkdir(self, path, mode):
        check("mkdir")
        os.mkdir(self.real(path), mode)

    def rmdir(self, path):
        check("rmdir")
        os.rmdir(self.real(path))

    def unlink(self, path):
        check("unlink")
        os.unlink(self.real(path))

    def symlink(self, target, source):
        os.symlink(source, self.real(target))

    def link(self, target, source):
        check("link")
        os.link(self.real(source), self.real(target))

    def rename(self, old, new):
        check("rename")
        source = self.real(old)
        target = self.real(new)
        if os.path.isdir(source):
            check("rename-folder")
        if os.path.lexists(target):
            check("rename-over")
        if os.path.dirname(old) != os.path.dirname(new):
            check("rename-out")
        os.rename(source, target)

    def chmod(self, path, mode):
        check("chmod")
        os.chmod(self.real(path), mode)

    def chown(self, path, uid, gid):
        check("chown")

    def utimens(self, path, times=None):
        check("utimens")
        os.utime(self.real(path), ns=times)

    def truncate(self, path, length, fh=None):
        check("truncate")
        os.truncate(fh if fh else self.real(path), length)

    def open(self, path, flags):
        check("open")
        return os.open(self.real(path), flags & ~(os.O_EXCL | os.O_CREAT))

    def create(self, path, mode, fi=None):
        check("create")
        return os.open(self.real(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        check("write")
        return os.pwrite(fh, data, offset)

    def release(self, path, fh):
        os.close(fh)

    def flush(self, path, fh):
        check("flush")

    def fsync(self, path, datasync, fh):
        check("fsync")

    def fsyncdir(self, path, datasync, fh):
        check("fsyncdir")

    def statfs(self, path):
        check("statfs")
        found = os.statvfs(root)
        keys = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_namemax")
        return {key: getattr(found, key) for key in keys}


os.umask(0)
FUSE(
    Faulty(),
    mountpoint,
    foreground=True,
    nothreads=True,
    use_ino=True,
    attr_timeout=0,
    entry_timeout=0,
    negative_timeout=0,
    hard_remove=True,
)
