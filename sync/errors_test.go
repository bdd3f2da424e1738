package sync_test

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	assetsync "assetsync/sync"
)

func TestErrorsOfDisks(t *testing.T) {
	for errno, says := range map[syscall.Errno]string{
		syscall.ENOSPC: "make room", syscall.EDQUOT: "make room", syscall.EROFS: "writable", syscall.EMFILE: "ulimit -n", syscall.EACCES: "owner", syscall.EPERM: "owner", syscall.ENOENT: "",
	} {
		cause := fmt.Errorf("check out: %w", &fs.PathError{Op: "write", Path: "a.md", Err: errno})
		e := assetsync.AsError(cause)
		if e.Kind != assetsync.KindFailed || !strings.Contains(e.Hint, says) || (says == "") != (e.Hint == "") {
			t.Errorf("%v: kind %s, hint %q, want %q in it", errno, e.Kind, e.Hint, says)
		}
	}
}
