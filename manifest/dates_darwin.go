package manifest

import "golang.org/x/sys/unix"

func isDating(st *unix.Statfs_t) bool {
	return unix.ByteSliceToString(st.Fstypename[:]) == "apfs"
}
