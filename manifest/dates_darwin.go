package manifest

import "golang.org/x/sys/unix"

func isDating(st *unix.Statfs_t) bool {
	switch unix.ByteSliceToString(st.Fstypename[:]) {
	case "apfs", "hfs":
		return true
	}
	return false
}
