package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// tortureArguments are the flags for the process of withMounts.
func tortureArguments(seed uint64) []string {
	return []string{"-torture.program=" + *tortureProgram, fmt.Sprintf("-torture.kills=%d", *tortureKills), fmt.Sprintf("-torture.seed=%d", seed)}
}

// TestTortureFullDisk fills the disk of the directory, or of the state, while
// push and pull run, at a call. What they say names the cause, and once there
// is room the next run ends in step.
func TestTortureFullDisk(t *testing.T) { tortureDisks(t, "full disk", fillDisk) }

// TestTortureReadOnlyDisk makes the disk of the directory read-only at a call
// of push and pull.
func TestTortureReadOnlyDisk(t *testing.T) { tortureDisks(t, "read-only disk", makeReadOnly) }

// trouble spoils the disk that is mounted at a place, and returns what mends
// it. It reports false where the disk is in use and cannot be spoiled.
type trouble func(x *torture, place string) (mend func(), done bool)

func tortureDisks(t *testing.T, what string, spoil trouble) {
	withMounts(t, func(t *testing.T) {
		seed := tortured(t)
		for _, verb := range []string{"push", "pull"} {
			for _, place := range []string{".assetsync", tortureDir} {
				if what == "read-only disk" && place == ".assetsync" {
					continue // a run holds the state open: see TestTortureReadOnlyState
				}
				t.Run(verb+" "+place, func(t *testing.T) {
					x := newTorture(t, verb, seed)
					// With room for the history of all rounds, some of which strike nothing.
					x.mount("tmpfs", ".assetsync", "tmpfs", 0, fmt.Sprintf("size=%dk,mode=700", 3072+128**tortureKills))
					x.mount("tmpfs", tortureDir, "tmpfs", 0, "size=256k")
					t.Cleanup(func() {
						x.unmount(".assetsync")
						x.unmount(tortureDir)
					})
					x.spoils(what, place, *tortureKills, spoil)
				})
			}
		}
	}, tortureArguments(*tortureSeed)...)
}

// spoils disturbs a verb so many times by spoiling its disk.
func (x *torture) spoils(what, place string, n int, spoil trouble) {
	x.Helper()
	x.begin()
	_, calls := x.disturb(moment{}, nil)
	for tries := 0; x.struck < n && tries < 5*n && !x.Failed(); tries++ {
		kind := []string{beforeCall, afterCall}[x.random.IntN(2)]
		at := moment{kind, 1 + x.random.IntN(max(1, min(8, calls[kind])))}
		mend, done := func() {}, false
		x.mend = func() { mend() }
		struck, _ := x.disturb(at, func(*os.Process) bool {
			mend, done = spoil(x, place)
			return false
		})
		if x.code != 0 && !saysWhy(x.said) {
			x.Errorf("seed %d, round %d of %s at %s: it ends with %d and does not say why:\n%s", x.seed, x.round, x.verb, at, x.code, x.said)
		}
		if struck != "" && done {
			x.struck++
			x.points[fmt.Sprint(x.round%shapes, at, struck)] = true
		}
	}
	if x.struck == 0 {
		x.Errorf("the disk of %s was never spoiled", place)
	}
	violations := 0
	if x.Failed() {
		violations = 1
	}
	x.Logf("torture: %s at %s, %s %d times at %d points: %d violations (seed %d)", what, place, x.verb, x.struck, len(x.points), violations, x.seed)
}

// saysWhy reports whether a message names what is wrong with the disk, and
// what to do.
func saysWhy(said string) bool {
	cause := strings.Contains(said, "no space left on device") || strings.Contains(said, "read-only file system")
	return cause && strings.Contains(said, "hint: ") && !strings.Contains(said, "damaged") && !strings.Contains(said, "goroutine")
}

// fillDisk leaves no room on the disk.
func fillDisk(x *torture, place string) (mend func(), done bool) {
	filler := x.path(place + "/.filler")
	f, err := os.OpenFile(filler, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		x.Error(err)
		return func() {}, false
	}
	for size := 64 << 10; size > 0; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			x.Error(err)
		}
		err = nil
	}
	if err := f.Close(); err != nil {
		x.Error(err)
	}
	return func() { x.must(os.Remove(filler)) }, true
}

// makeReadOnly mounts the disk again, read-only. A disk with a file that is
// open for writing stays as it is, as the state of a run that is under way.
func makeReadOnly(x *torture, place string) (mend func(), done bool) {
	err := syscall.Mount("", x.path(place), "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	if errors.Is(err, syscall.EBUSY) {
		return func() {}, false
	}
	if err != nil {
		x.Error(err)
		return func() {}, false
	}
	return func() { x.must(syscall.Mount("", x.path(place), "", syscall.MS_REMOUNT, "")) }, true
}

// TestTortureReadOnlyState runs verbs whose state cannot be written: what
// they say names the file and the cause.
func TestTortureReadOnlyState(t *testing.T) {
	withMounts(t, func(t *testing.T) {
		x := newTorture(t, "push", 1)
		x.mount("tmpfs", ".assetsync", "tmpfs", 0, "size=3m,mode=700")
		x.begin()
		mend, done := makeReadOnly(x, ".assetsync")
		if !done {
			t.Fatal("the disk stays writable")
		}
		for _, verb := range []string{"status", "push", "pull"} {
			out, errs, code := x.run(verb)
			if code != 0 && (!saysWhy(errs) || !strings.Contains(errs, ".assetsync")) {
				t.Errorf("%s ends with %d, and does not say why and what to do:\n%s%s", verb, code, out, errs)
			}
		}
		mend()
		x.succeed("push")
		x.unmount(".assetsync")
	})
}
