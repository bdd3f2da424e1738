package durable

import "golang.org/x/sys/unix"

const (
	swap      = unix.RENAME_SWAP
	noReplace = unix.RENAME_EXCL
)

func renameAt(dir int, from, to string, flags uint) error {
	return unix.RenameatxNp(dir, from, dir, to, uint32(flags))
}
