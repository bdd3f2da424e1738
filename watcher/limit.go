package watcher

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// isLimit reports whether err says that the system has no more watches or
// descriptors. inotify says ENOSPC, "no space left on device", for the former.
func isLimit(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) ||
		errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// isGone reports whether err says that a name holds no directory any more.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}

// limitWords says what limit was met and how to raise it.
func limitWords(err error, dir string) string {
	switch {
	case errors.Is(err, errNoEvents):
		return err.Error()
	case errors.Is(err, syscall.ENOSPC):
		return watchesWords(dir)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return descriptorsWords(err)
	}
	return fmt.Sprintf("the system watches no more directories: %v", err)
}

// eventsWords says why the system gives no events at all.
func eventsWords(err error) string {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return instancesWords(err)
	}
	return fmt.Sprintf("the system gives no file events: %v", err)
}

// FileSystem names the file system of dir when its changes may come without an
// event here, as on a network; else it is empty.
func FileSystem(dir string) string { return remoteKind(dir) }

// WatchLimit returns how many directories this user may watch, and how that is
// raised; 0 where the system has no such limit.
func WatchLimit() (limit int, raise string) { return watchLimit() }
