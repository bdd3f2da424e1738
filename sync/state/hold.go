package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// A look at who holds a lock (see [ReadHolder]) takes it for some
// microseconds, shared with other looks. Hold tries again so that it does not
// take one for a holder.
const (
	holdTries = 5
	holdPause = 2 * time.Millisecond
)

// Lock is a held lock file. The lock is the operating system's: it ends with
// [Lock.Release], with the process however that ends, or when nothing
// refers to the Lock any more, so the holder keeps it. It is safe for
// concurrent use.
type Lock struct {
	owner note

	mu   sync.Mutex
	file *flock.Flock // nil: released
}

// Hold takes the lock file at path, making file and directory (mode 0700)
// when there are none, and notes the owner beside it. It does not wait for a
// holder: its error then wraps [ErrLocked] and names it. The file itself is
// never removed, as another process may have it open to lock it.
func Hold(path string, owner Owner) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("hold lock: %w", err)
	}
	// For writing: a file on NFS that is open for reading cannot be locked.
	file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	taken, err := file.TryLock()
	for i := 1; i < holdTries && !taken && err == nil; i++ {
		time.Sleep(holdPause)
		taken, err = file.TryLock()
	}
	l := &Lock{owner: noteOf(path), file: file}
	switch {
	case err != nil:
		return nil, fmt.Errorf("hold %s: %w", path, err)
	case !taken:
		return nil, fmt.Errorf("hold %s: %w by %s", path, ErrLocked, l.owner.read())
	}
	if _, err := l.owner.write(owner); err != nil {
		return nil, errors.Join(fmt.Errorf("hold %s: %w", path, err), file.Unlock())
	}
	return l, nil
}

// Release gives the lock back. A second call does nothing.
func (l *Lock) Release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.owner.remove(), l.file.Unlock())
	l.file = nil
	if err != nil {
		return fmt.Errorf("release lock: %w", err)
	}
	return nil
}

// ReadHolder says who holds the lock file at path, for messages only: a
// moment later it may be another. It is false when nobody does, also where a
// killed process left its note, and where that cannot be told. The zero Owner
// is a holder that has no note yet.
func ReadHolder(path string) (Owner, bool) {
	// Not made: a look leaves nothing behind.
	file := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := file.TryRLock()
	if err != nil {
		return Owner{}, false
	}
	if free {
		_ = file.Unlock() // a look has nobody to tell; the lock goes at the latest with the file
		return Owner{}, false
	}
	return noteOf(path).read(), true
}
