package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"assetsync/sync/daemon"
)

// mountsVariable is set in a test process that may mount what it likes.
const mountsVariable = "ASSETSYNC_TEST_MOUNTS"

// withMounts runs a test in a process with mounts of its own, which end with
// it: made by root as they are, and by others as root of a user namespace.
// The process is given further flags.
func withMounts(t *testing.T, test func(*testing.T), flags ...string) {
	t.Helper()
	if os.Getenv(mountsVariable) != "" {
		// What is mounted here is nobody else's.
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		test(t)
		return
	}
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"-test.run", "^" + t.Name() + "$", "-test.v", "-test.parallel", "4"}, flags...)...)
	cmd.Env = append(os.Environ(), mountsVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Skipf("this system lets nobody have mounts of their own: %v", err)
	}
	if err != nil || !strings.Contains(out.String(), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, &out)
	}
	t.Logf("%s", &out)
}

func (w *world) mount(source, name, kind string, flags uintptr, data string) {
	w.Helper()
	w.must(os.MkdirAll(w.path(name), 0o755))
	if err := syscall.Mount(source, w.path(name), kind, flags, data); err != nil {
		w.Fatalf("mount %s: %v", name, err)
	}
}

func (w *world) unmount(name string) {
	w.Helper()
	// Not refused, because the daemon may read there this moment.
	if err := syscall.Unmount(w.path(name), syscall.MNT_DETACH); err != nil {
		w.Fatalf("unmount %s: %v", name, err)
	}
}

// TestWatchUnmounted unmounts the directory of a target, which is then an
// empty one, and mounts it again.
func TestWatchUnmounted(t *testing.T) {
	withMounts(t, func(t *testing.T) {
		for _, tt := range []struct {
			name  string
			mount func(*world)
		}{
			{"another directory", func(w *world) { w.mount(w.path("disk"), "skills/one", "", syscall.MS_BIND, "") }},
			{"another file system", func(w *world) {
				w.mount("tmpfs", "skills/one", "tmpfs", 0, "size=1m")
				w.must(os.CopyFS(w.path("skills/one"), os.DirFS(w.path("disk"))))
			}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, "", "one", "two")
				w.rename("skills/one", "disk")
				tt.mount(w)
				w.start()
				w.unmount("skills/one")
				w.tells("skills/one", daemon.Blocked, `is empty, but held 2 files`)
				w.statusSays(`is empty, but held 2 files`)
				w.save("disk/limits.md", "another limit\n")
				tt.mount(w)
				w.inStep()
				w.published("skills/one", 1, 1, 1)
				w.published("skills/two", 1, 0, 0)
				w.nothingDeleted()
				w.terminate()
				w.unmount("skills/one")
			})
		}
	})
}

// TestWatchFullDisk fills the disk that the state is on. What is saved
// meanwhile is published when there is room again.
func TestWatchFullDisk(t *testing.T) {
	withMounts(t, func(t *testing.T) {
		w := newWorld(t, "", "one", "two")
		w.mount("tmpfs", ".assetsync", "tmpfs", 0, "size=2m,mode=700")
		w.start()
		filler := w.path(".assetsync/filler")
		w.must(os.WriteFile(filler, nil, 0o600))
		f, err := os.OpenFile(filler, os.O_APPEND|os.O_WRONLY, 0)
		w.must(err)
		for size := 64 << 10; size > 0; size /= 2 {
			for err == nil {
				_, err = f.Write(make([]byte, size))
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			err = nil
		}
		w.must(f.Close())
		w.save("skills/one/limits.md", "another limit\n")
		w.tells("skills/one", daemon.Failed, `no space left on device`)
		w.statusSays(`no space left on device`)
		w.published("skills/one", 1, 0, 1) // it may have been sent before it could not be put on record
		w.must(os.Remove(filler))
		w.inStep()
		w.published("skills/one", 1, 1, 2)
		w.published("skills/two", 1, 0, 0)
		w.nothingDeleted()
		w.terminate()
		w.unmount(".assetsync")
	})
}
