package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Owner says who holds a state or a lock, for messages only: the lock itself
// is the operating system's.
type Owner struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// String names the owner in a message; the zero Owner is "another process".
func (o Owner) String() string {
	if o == (Owner{}) {
		return "another process"
	}
	return fmt.Sprintf("assetsync %s (process %d, since %s)", o.Command, o.PID, o.Since.Format(time.DateTime))
}

// note is the path of the file that names the owner of the file beside it.
// It is a file of its own because Windows lets nobody else read a locked one.
// A process that is killed leaves its note behind, so a note alone says
// nothing: first the lock has to be found taken.
type note string

func noteOf(path string) note { return note(path + ".owner") }

// write returns when it wrote, by the clock of the file system.
func (n note) write(owner Owner) (time.Time, error) {
	data, err := json.Marshal(owner)
	if err != nil {
		return time.Time{}, err
	}
	// Not durable on purpose: it describes a process that is alive.
	if err := os.WriteFile(string(n), data, 0o600); err != nil {
		return time.Time{}, err
	}
	info, err := os.Lstat(string(n))
	if err != nil {
		return time.Time{}, nil // somebody cleans up: the time is not known
	}
	return info.ModTime(), nil
}

// remove is for the holder, before its lock goes: a later holder's note must
// not be removed.
func (n note) remove() error {
	if err := os.Remove(string(n)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// read returns the zero Owner when there is no note, or half of one.
func (n note) read() Owner {
	data, err := os.ReadFile(string(n))
	var owner Owner
	if err != nil || json.Unmarshal(data, &owner) != nil {
		return Owner{}
	}
	return owner
}

// want is the path of a file by which a process that waits for a state tells
// a process that lends it on and on. It says nothing else: who finds it takes
// it away, and who still waits makes it again.
type want string

func wantOf(path string) want { return want(path + ".wanted") }

// put makes the file. Where that fails the wait is only less likely to be
// noticed, so there is nothing to do about it.
func (w want) put() { _ = os.WriteFile(string(w), nil, 0o600) }

// take reports whether the file was there, and removes it.
func (w want) take() bool { return os.Remove(string(w)) == nil }
