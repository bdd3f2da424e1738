package state_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"

	"assetsync/sync/state"
)

func hold(t *testing.T, path string, owner state.Owner) *state.Lock {
	t.Helper()
	l, err := state.Hold(path, owner)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// wantHolder checks who ReadHolder says holds the lock; the zero Owner: nobody.
func wantHolder(t *testing.T, path string, want state.Owner) {
	t.Helper()
	got, held := state.ReadHolder(path)
	if held != (want != state.Owner{}) || !cmp.Equal(got, want) {
		t.Errorf("ReadHolder: %v, %v, want %v", got, held, want)
	}
}

func TestHold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "watch.lock")
	wantHolder(t, path, state.Owner{})
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadHolder made the file: %v", err)
	}
	first := hold(t, path, daemon)
	wantHolder(t, path, daemon)
	_, err := state.Hold(path, owner)
	if !errors.Is(err, state.ErrLocked) || !strings.Contains(err.Error(), "assetsync watch (process 4712, since 2026-06-08 09:10:11)") {
		t.Errorf("Hold of a held lock: %v, want ErrLocked with the holder", err)
	}
	wantHolder(t, path, daemon)

	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	wantHolder(t, path, state.Owner{})
	second := hold(t, path, owner)
	if err := first.Release(); err != nil {
		t.Errorf("second Release: %v", err)
	}
	wantHolder(t, path, owner)
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".owner"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the note after Release: %v, want none", err)
	}
}

func TestHoldFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	noted := filepath.Join(t.TempDir(), "noted.lock")
	if err := os.Mkdir(noted+".owner", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"a file in place of its directory": filepath.Join(file, "watch.lock"),
		"a directory in its place":         t.TempDir(),
		"no note can be written":           noted,
	} {
		t.Run(name, func(t *testing.T) {
			if l, err := state.Hold(path, owner); err == nil || errors.Is(err, state.ErrLocked) {
				t.Errorf("Hold: %v, %v, want an error that is not ErrLocked", l, err)
			}
			wantHolder(t, path, state.Owner{})
		})
	}
}

// TestHolderWithoutNote is between the lock and its note, or beside a note
// that was cut off.
func TestHolderWithoutNote(t *testing.T) {
	for name, text := range map[string]string{"no note": "", "half a note": `{"pid":47`} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "watch.lock")
			defer hold(t, path, daemon).Release()
			if err := os.WriteFile(path+".owner", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, held := state.ReadHolder(path); !held || got.String() != "another process" {
				t.Errorf("ReadHolder: %q, %v, want another process, true", got, held)
			}
			if _, err := state.Hold(path, owner); err == nil || !strings.HasSuffix(err.Error(), "in use by another process") {
				t.Errorf("Hold: %v", err)
			}
		})
	}
}

// TestHoldBesideALook has somebody look who holds the lock at the same time.
func TestHoldBesideALook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watch.lock")
	synctest.Test(t, func(t *testing.T) {
		look := flock.New(path)
		if free, err := look.TryRLock(); !free || err != nil {
			t.Fatal(free, err)
		}
		done := make(chan error, 1)
		go func() {
			time.Sleep(3 * time.Millisecond)
			done <- look.Unlock()
		}()
		if err := hold(t, path, owner).Release(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestHolderKilled kills the process that holds a lock: its note stays, and
// says nothing any more.
func TestHolderKilled(t *testing.T) {
	if path := os.Getenv("STATE_TEST_LOCK"); path != "" {
		l := hold(t, path, daemon)
		defer l.Release()
		sayHeld(t)
	}
	path := filepath.Join(t.TempDir(), "watch.lock")
	kill := holdElsewhere(t, "^TestHolderKilled$", "STATE_TEST_LOCK="+path)
	wantHolder(t, path, daemon)
	if _, err := state.Hold(path, owner); !errors.Is(err, state.ErrLocked) || !strings.Contains(err.Error(), "process 4712") {
		t.Errorf("Hold of a held lock: %v, want ErrLocked with the holder", err)
	}
	kill()
	if _, err := os.Stat(path + ".owner"); err != nil {
		t.Errorf("the killed process took its note along: %v", err)
	}
	wantHolder(t, path, state.Owner{})
	l := hold(t, path, owner)
	wantHolder(t, path, owner)
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}
