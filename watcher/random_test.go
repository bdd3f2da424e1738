package watcher

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
)

// TestRandom does random things to a tree in bursts. After each, the batches
// added up are what is on the disk, and exactly its directories are watched.
func TestRandom(t *testing.T) {
	for seed := range uint64(3) {
		for _, mode := range []Mode{Native, Poll} {
			if mode == Poll && seed > 0 {
				continue // it compares whole trees; one seed shows it
			}
			t.Run(fmt.Sprint(mode, "/", seed), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, nil, Root{Mode: mode, Settle: 20 * time.Millisecond}, func(w *Watcher) {
					if seed%2 == 1 {
						w.open = func() (source, error) { return lossy(seed) }
					}
				})
				random := rand.New(rand.NewPCG(seed, uint64(len(mode))))
				known := map[string]bool{}
				for round := range 12 {
					var did []string
					for range random.IntN(60) {
						did = append(did, r.randomly(random))
					}
					batches := r.quiet(r.h)
					for _, b := range batches {
						apply(t, r, known, b)
					}
					files, dirs := r.list()
					if diff := cmp.Diff(files, slices.Sorted(maps.Keys(known))); diff != "" {
						t.Fatalf("round %d: files (-disk +told):\n%s\nafter %s\nbatches %v", round, diff, strings.Join(did, "\n"), batches)
					}
					if mode == Native {
						r.wantWatched(dirs...)
					}
				}
			})
		}
	}
}

func apply(t *testing.T, r *rig, known map[string]bool, b Batch) {
	if b.Why != "" {
		clear(known)
		files, _ := r.list()
		for _, f := range files {
			known[f] = true
		}
		return
	}
	for _, c := range b.Paths {
		if c.Op == Removed {
			delete(known, c.Path)
		} else {
			known[c.Path] = true
		}
	}
}

// list walks the root, without its links.
func (r *rig) list() (files, dirs []string) {
	r.must(filepath.WalkDir(r.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := within(name, r.dir)
		switch {
		case d.IsDir():
			dirs = append(dirs, orDot(rel))
		default:
			files = append(files, rel)
		}
		return nil
	}))
	slices.Sort(files)
	slices.Sort(dirs)
	return files, dirs
}

// randomly does one thing, or fails to, which is as good.
func (r *rig) randomly(random *rand.Rand) string {
	name := func() string {
		parts := make([]string, 1+random.IntN(3))
		for i := range parts {
			parts[i] = string(rune('a' + random.IntN(3)))
		}
		return strings.Join(parts, "/")
	}
	a, b := name(), name()
	switch random.IntN(9) {
	case 0, 1:
		return fmt.Sprintf("mkdir -p %s: %v", a, os.MkdirAll(r.path(a), 0o755))
	case 2, 3, 4:
		_ = os.MkdirAll(filepath.Dir(r.path(a)), 0o755)
		return fmt.Sprintf("write %s: %v", a, os.WriteFile(r.path(a), []byte(fmt.Sprint(random.Int())), 0o644))
	case 5:
		return fmt.Sprintf("rm %s: %v", a, os.Remove(r.path(a)))
	case 6:
		return fmt.Sprintf("rm -rf %s: %v", a, os.RemoveAll(r.path(a)))
	case 7:
		return fmt.Sprintf("mv %s %s: %v", a, b, os.Rename(r.path(a), r.path(b)))
	}
	if random.IntN(2) == 0 {
		time.Sleep(time.Duration(random.IntN(3)) * time.Millisecond)
	}
	return fmt.Sprintf("mv %s ../x: %v; back as %s: %v", a, os.Rename(r.path(a), r.dir+".x"), b, os.Rename(r.dir+".x", r.path(b)))
}

// lossy is a source that loses some events in a row now and then and says so
// afterwards, as the kernel does when its queue is full.
func lossy(seed uint64) (source, error) {
	s, err := newSource()
	if err != nil {
		return s, err
	}
	random := rand.New(rand.NewPCG(seed, 1))
	events, errs := make(chan fsnotify.Event), make(chan error)
	go func() { // ends with the source, which Run waits for
		defer close(errs)
		defer close(events)
		lose := 0
		for {
			var idle <-chan time.Time
			if lose > 0 {
				idle = time.After(5 * time.Millisecond)
			}
			select {
			case e, ok := <-s.events:
				switch {
				case !ok:
					return
				case lose > 1:
					lose--
				case lose == 1:
					lose = 0
					errs <- fsnotify.ErrEventOverflow
				case random.IntN(50) == 0:
					lose = 1 + random.IntN(20)
				default:
					events <- e
				}
			case err, ok := <-s.errors:
				if ok {
					errs <- err
				}
			case <-idle:
				lose = 0
				errs <- fsnotify.ErrEventOverflow
			}
		}
	}()
	return source{s.notifier, events, errs}, nil
}
