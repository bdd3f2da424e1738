package durable

import "golang.org/x/sys/unix"

const (
	swap      = unix.RENAME_EXCHANGE
	noReplace = unix.RENAME_NOREPLACE
)

func renameAt(dir int, from, to string, flags uint) error {
	return unix.Renameat2(dir, from, dir, to, flags)
}
