package watcher

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// kqueue holds a descriptor for every watched directory and every file in it.
func descriptorsWords(error) string {
	limit := "unknown"
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) == nil {
		limit = fmt.Sprint(r.Cur)
	}
	return fmt.Sprintf("all open files of this process are taken (the limit is %s; each watched file takes one); raise it with: ulimit -n 65536", limit)
}

func watchesWords(dir string) string {
	return fmt.Sprintf("the system has no space to watch %q", dir)
}

func instancesWords(err error) string { return descriptorsWords(err) }

// remoteNames are the file systems of others that the system does not tell
// about (f_fstypename of statfs(2)).
var remoteNames = map[string]string{
	"nfs": "NFS", "smbfs": "SMB", "afpfs": "AFP", "webdav": "WebDAV", "ftp": "FTP",
	"osxfuse": "FUSE", "macfuse": "FUSE", "fusefs": "FUSE", "virtiofs": "virtiofs (the host's view)", "9p": "9p",
}

// remoteKind names the file system of dir when it does not deliver events,
// else it is empty.
func remoteKind(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return ""
	}
	name := unix.ByteSliceToString(st.Fstypename[:])
	if kind := remoteNames[name]; kind != "" {
		return kind
	}
	if st.Flags&unix.MNT_LOCAL == 0 {
		return name + ", a network file system"
	}
	return ""
}

func watchLimit() (int, string) { return 0, "" }
