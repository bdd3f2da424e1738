package watcher

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asNobody makes the test run without root's privilege to read everything.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := syscall.Setresuid(-1, 65534, -1); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setresuid(-1, 0, -1); err != nil {
			t.Fatal(err)
		}
	})
}

// TestUnreadable must not run beside other tests: it changes the user.
func TestUnreadable(t *testing.T) {
	dir := tempDir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for up := filepath.Dir(dir); up != os.TempDir() && len(up) > 1; up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Skip(err)
		}
	}
	r := &rig{T: t, dir: filepath.Join(dir, "root")}
	r.w = newTestWatcher(t, func(w *Watcher) { w.options.Probe = "" })
	asNobody(t)
	r.write("d/a", "a")
	r.write("e/.gitignore", "x\n")
	r.write("f", "f")
	r.chmod("d", 0)
	r.chmod("e/.gitignore", 0)
	running(t, r.w)
	r.h = r.add(Root{Dir: r.dir, Settle: testSettle})
	r.want(r.h, Started)
	if got := r.h.Health().Trouble; !strings.Contains(got, "permission denied") {
		t.Errorf("trouble is %q", got)
	}
	wait := func(want string) {
		t.Helper()
		if got := text(r.next(r.h)); got != want {
			t.Errorf("batch is %q, want %q", got, want)
		}
	}
	r.write("f", "changed")
	wait("*f")
	r.chmod("d", 0o755)
	wait("+d/a")
	r.write("d/a", "changed")
	wait("*d/a")
	r.chmod("e/.gitignore", 0o644)
	wait("[ignore-changed]")
	if got := r.h.Health().Trouble; got != "" {
		t.Errorf("trouble is %q", got)
	}
	r.chmod("f", 0o755)
	r.chmod("d", 0)
	closed := r.add(Root{Dir: r.path("d"), Settle: testSettle})
	r.want(closed, RootLost)
	if got := closed.Health().Lost; !strings.Contains(got, "permission denied") {
		t.Errorf("lost is %q", got)
	}
	r.chmod("d", 0o755)
	r.want(closed, RootBack)
	if r.h.Pending() || len(r.h.Batches()) > 0 {
		t.Errorf("attributes are told: %v", r.quiet(r.h))
	}
}

func TestUnmounted(t *testing.T) {
	dir := tempDir(t)
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip(err)
	}
	mounted := true
	t.Cleanup(func() {
		if mounted {
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	r := newRig(t, map[string]string{"f": "f", "d/g": "g"}, Root{Dir: dir})
	if err := syscall.Unmount(dir, 0); err != nil {
		t.Fatal(err) // the watcher must not keep it busy
	}
	mounted = false
	r.want(r.h, RootLost)
	if got := r.h.Health().Lost; !strings.Contains(got, "not mounted") {
		t.Errorf("lost is %q", got)
	}
	r.write("n", "in the mount point")
	r.want(r.h, RootBack)
	r.write("n", "changed")
	r.wantBatches(r.h, "*n")
}

func TestFileSystems(t *testing.T) {
	if got := remoteKind("/proc"); got != "" {
		t.Errorf("proc is %q", got)
	}
	w := newTestWatcher(t)
	h := newWatch(w, Root{Mode: Native})
	l := &loop{w: w, h: h}
	if polled, why := l.way("/"); polled || why != "" {
		t.Errorf("way: %v, %q", polled, why)
	}
	for magic, name := range remoteMagics {
		if magic == 0 || name == "" {
			t.Errorf("%#x: %q", magic, name)
		}
	}
}

// TestDescriptors runs out of open files. It must not run beside other tests.
func TestDescriptors(t *testing.T) {
	r := newRig(t, map[string]string{"f": "f"}, Root{})
	var limit syscall.Rlimit
	r.must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	restore := func() { r.must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)) }
	defer restore()
	r.must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: limit.Max}))
	r.must(os.Mkdir(r.path("d"), 0o755))
	for end := time.Now().Add(patience); !strings.Contains(r.h.Health().Trouble, "ulimit -n") && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if h := r.h.Health(); !strings.Contains(h.Trouble, "ulimit -n") || h.Lost != "" || h.Mode != Native {
		t.Errorf("health is %+v", h)
	}
	restore()
	r.want(r.h, Overflowed)
	if h := r.h.Health(); h.Trouble != "" {
		t.Errorf("health is %+v", h)
	}
	r.write("d/n", "new")
	r.wantBatches(r.h, "+d/n")
}

// TestExchange swaps two trees in one step, as a deployment may.
func TestExchange(t *testing.T) {
	r := newRig(t, map[string]string{"d/a": "1", "d/e/b": "1", "n/a": "2", "n/c": "2", "f": "1", "g": "2"}, Root{})
	swap := func(a, b string) {
		t.Helper()
		if err := unix.Renameat2(unix.AT_FDCWD, r.path(a), unix.AT_FDCWD, r.path(b), unix.RENAME_EXCHANGE); err != nil {
			t.Skip(err)
		}
	}
	swap("d", "n")
	r.wantBatches(r.h, "*d/a +d/c -d/e/b *n/a -n/c +n/e/b")
	r.wantWatched(".", "d", "n", "n/e")
	r.write("n/e/b", "changed")
	r.write("d/c", "changed")
	r.wantBatches(r.h, "*d/c *n/e/b")
	swap("f", "g")
	r.wantBatches(r.h, "*f *g")
	swap("f", "d")
	r.wantBatches(r.h, "+d -d/a -d/c -f +f/a +f/c")
	r.wantWatched(".", "f", "n", "n/e")
}

// TestPipes has names that must not be opened.
func TestPipes(t *testing.T) {
	r := newRig(t, nil, Root{})
	for _, name := range []string{"pipe", ".gitignore"} {
		r.must(syscall.Mkfifo(r.path(name), 0o644))
	}
	r.want(r.h, IgnoreChanged)
	if got := r.h.Health().Trouble; !strings.Contains(got, ".gitignore cannot be read") {
		t.Errorf("trouble is %q", got)
	}
	r.remove(".gitignore")
	r.want(r.h, IgnoreChanged)
	r.write("a", "a")
	r.wantBatches(r.h, "+a")
}
