package sync_test

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"assetsync/manifest"
	"assetsync/manifest/durable"
)

// simDisk is a directory on a disk that forgets: when the power goes, the
// content of a file that was not synced is gone, and a directory may be as it
// was when it was synced last.
type simDisk struct {
	dir      string
	unsynced []fs.FileInfo                // files whose content was not synced
	pending  map[string]map[string]string // directories whose names were not synced: what they held
}

func newSimDisk(dir string) *simDisk {
	return &simDisk{dir: dir, pending: map[string]map[string]string{}}
}

// step takes note of a step, which do makes.
func (d *simDisk) step(op durable.Op, do func() error) error {
	parent := filepath.Dir(op.Name)
	switch op.Step {
	case durable.Create, durable.NoReplace, durable.Replace, durable.Exchange, durable.Aside, durable.Remove:
		if _, ok := d.pending[parent]; !ok {
			d.pending[parent] = d.list(parent)
		}
	}
	if err := do(); err != nil {
		return err
	}
	switch op.Step {
	case durable.Write:
		d.unsynced = append(d.unsynced, d.stat(op.Name))
	case durable.Sync:
		written := d.stat(op.Name)
		d.unsynced = slices.DeleteFunc(d.unsynced, func(f fs.FileInfo) bool { return os.SameFile(f, written) })
	case durable.SyncDir:
		delete(d.pending, op.Name)
	}
	return nil
}

func (d *simDisk) stat(name string) fs.FileInfo {
	info, err := os.Stat(filepath.Join(d.dir, name))
	must(err)
	return info
}

// list returns the files of one directory.
func (d *simDisk) list(dir string) map[string]string {
	files := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(d.dir, dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			files[e.Name()] = readName(filepath.Join(d.dir, dir, e.Name()))
		}
	}
	return files
}

func readName(name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// saved says that somebody's editor has put content, or nothing, at a name; it
// syncs what it saves.
func (d *simDisk) saved(name string, content *string) {
	before, ok := d.pending[filepath.Dir(name)]
	switch {
	case !ok:
	case content == nil:
		delete(before, filepath.Base(name))
	default:
		before[filepath.Base(name)] = *content
	}
}

// fail is what becomes of the disk when the power goes. It reports whether
// anything was forgotten.
func (d *simDisk) fail(rnd *rand.Rand) (forgot bool) {
	for _, dir := range slices.Sorted(maps.Keys(d.pending)) {
		if rnd.IntN(2) == 0 {
			continue // it came to disk all the same
		}
		before := d.pending[dir]
		for name := range d.list(dir) {
			if _, ok := before[name]; !ok {
				must(os.Remove(filepath.Join(d.dir, dir, name)))
				forgot = true
			}
		}
		for name, content := range before {
			full := filepath.Join(d.dir, dir, name)
			if old, err := os.ReadFile(full); err != nil || string(old) != content {
				must(os.WriteFile(full, []byte(content), 0o644))
				forgot = true
			}
		}
	}
	must(filepath.WalkDir(d.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil && slices.ContainsFunc(d.unsynced, func(f fs.FileInfo) bool { return os.SameFile(f, info) }) {
			forgot = true
			err = os.Truncate(name, info.Size()/2)
		}
		return err
	}))
	d.unsynced, d.pending = nil, map[string]map[string]string{}
	return forgot
}

// age gives what a killed run left the time of the simulation, in which it is
// older than the next run.
func (d *simDisk) age() {
	must(filepath.WalkDir(d.dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), manifest.TempPrefix) {
			now := time.Now()
			err = os.Chtimes(name, now, now)
		}
		return err
	}))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// hook lets a run die or fail at one of its steps, and lets others save
// between them.
func (r *simRun) hook(step durable.Hook, steps *int) durable.Hook {
	return func(op durable.Op, do func() error) error {
		*steps++
		if n := r.harm.stepNaps; n > 0 && *steps%n == 0 {
			r.sim.nap(r.worker.lane, time.Duration(1+r.rnd.Int64N(300))*time.Millisecond)
		}
		if *steps != r.harm.step {
			return step(op, do)
		}
		var err error
		if r.harm.stepAfter {
			err = step(op, do)
		}
		if r.harm.stepFails {
			r.sim.note("  %s: step %d fails: %s %s", r, *steps, op.Step, op.Name)
			return errors.Join(err, errors.New("input/output error"))
		}
		r.died = true
		r.sim.totals.crashes++
		r.sim.note("%s dies at step %d: %s", r, *steps, op.Step)
		runtime.Goexit()
		panic("a goroutine went on after its end")
	}
}
