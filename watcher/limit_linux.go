package watcher

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Limits to propose. A watch takes about 1 KiB of kernel memory (inotify(7)),
// so half a million are affordable on any developer's machine.
const (
	proposedWatches   = 524288
	proposedInstances = 1024
)

func watchesWords(string) string {
	return sysctlWords("all inotify watches of this user are taken", "max_user_watches", proposedWatches)
}

func instancesWords(err error) string {
	if errors.Is(err, syscall.ENFILE) {
		return descriptorsWords(err)
	}
	return sysctlWords("all inotify instances or descriptors of this user are taken", "max_user_instances", proposedInstances)
}

func sysctlWords(what, name string, propose int) string {
	limit := "unknown"
	if data, err := os.ReadFile("/proc/sys/fs/inotify/" + name); err == nil {
		limit = strings.TrimSpace(string(data))
		if n, err := strconv.Atoi(limit); err == nil && n >= propose {
			propose = 2 * n
		}
	}
	return fmt.Sprintf("%s (the limit fs.inotify.%s is %s); raise it with: sudo sysctl fs.inotify.%s=%d", what, name, limit, name, propose)
}

func descriptorsWords(err error) string {
	var limit syscall.Rlimit
	if errors.Is(err, syscall.ENFILE) || syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return "all open files of the system are taken; raise the limit with: sudo sysctl fs.file-max=1048576"
	}
	return fmt.Sprintf("all open files of this process are taken (the limit is %d); raise it with: ulimit -n %d", limit.Cur, max(limit.Cur*2, 4096))
}

// remoteMagics are the file systems whose changes another machine, or another
// process behind them, can make without an event here (statfs(2),
// linux/magic.h).
var remoteMagics = map[uint32]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.CIFS_SUPER_MAGIC: "SMB (CIFS)",
	unix.SMB2_SUPER_MAGIC: "SMB",
	unix.V9FS_MAGIC:       "9p (a virtual machine's or WSL's view of the host)",
	unix.FUSE_SUPER_MAGIC: "FUSE",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.AFS_FS_MAGIC:     "AFS",
	unix.CODA_SUPER_MAGIC: "Coda",
	unix.NCP_SUPER_MAGIC:  "NCP",
	unix.CEPH_SUPER_MAGIC: "Ceph",
	0x786f4256:            "a VirtualBox shared folder",
	0x7c7c6673:            "a Parallels shared folder",
	0xbacbacbc:            "a VMware shared folder",
	0x53464846:            "drvfs (WSL's view of Windows)",
	0x0bd00bd0:            "Lustre",
	0x6a656a63:            "virtiofs (a virtual machine's view of the host)",
}

// remoteKind names the file system of dir when it does not deliver events,
// else it is empty.
func remoteKind(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return ""
	}
	return remoteMagics[uint32(st.Type)]
}

func watchLimit() (int, string) {
	data, err := os.ReadFile("/proc/sys/fs/inotify/max_user_watches")
	if err != nil {
		return 0, ""
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, ""
	}
	propose := proposedWatches
	if limit >= propose {
		propose = 2 * limit
	}
	return limit, fmt.Sprintf("sudo sysctl fs.inotify.max_user_watches=%d", propose)
}
