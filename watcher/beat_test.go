package watcher

import (
	"os"
	"testing"
	"time"
)

// TestBeat looks at a root that is there, that is another one, and that is gone.
func TestBeat(t *testing.T) {
	dir := t.TempDir()
	w, err := New(Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	h, err := w.Add(Root{Dir: dir + "/root"})
	if err != nil {
		t.Fatal(err)
	}
	var b beat
	for _, step := range []struct {
		name   string
		do     func() error
		jumped bool
		want   flags
	}{
		{name: "not watched yet", do: func() error { return nil }},
		{name: "as it was", do: func() error {
			if err := os.Mkdir(h.root.Dir, 0o700); err != nil {
				return err
			}
			info, err := os.Stat(h.root.Dir)
			h.settled(nil, false, func(*RootHealth) {}, info)
			return err
		}},
		{name: "the clock jumped", do: func() error { return nil }, jumped: true, want: flags{check: true, clock: true}},
		{name: "a look hangs", do: func() error { b.busy.Store(true); return nil }, want: flags{check: true}},
		{name: "it hangs no more", do: func() error { b.busy.Store(false); return nil }},
		{name: "moved", do: func() error { return os.Rename(h.root.Dir, dir+"/moved") }, want: flags{check: true}},
		{name: "another one", do: func() error { return os.Mkdir(h.root.Dir, 0o700) }, want: flags{check: true}},
		{name: "a file", do: func() error {
			if err := os.Remove(h.root.Dir); err != nil {
				return err
			}
			return os.WriteFile(h.root.Dir, nil, 0o600)
		}, want: flags{check: true}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		b.check(w, step.jumped)
		b.end()
		if _, got := h.take(); got != step.want {
			t.Errorf("%s: told %+v, want %+v", step.name, got, step.want)
		}
	}
}
