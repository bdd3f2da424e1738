package emulator_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/emulator"
)

func open(t testing.TB, path string) *emulator.Server {
	return newServer(t, func(o *emulator.Options) { o.Path = path })
}

func TestStateOutlivesTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.db")
	id := newUser(t, open(t, path)).create(skillFiles())
	u := newUser(t, open(t, path))
	want(t, "content", u.read(id, "references/a.md"), "a\n")
}

func TestFilesThatAreRefused(t *testing.T) {
	newer := filepath.Join(t.TempDir(), "newer.db")
	newUser(t, open(t, newer)).create(skillFiles())
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	for path, bucket := range map[string]string{newer: "meta", foreign: "stranger"} {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(bucket))
			if err != nil {
				return err
			}
			return b.Put([]byte("format"), []byte("2"))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("garbage "), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{newer, `format "2" is not "1", the one this program knows`},
		{foreign, "it belongs to another program"},
		{garbage, "invalid database"},
	} {
		s, err := emulator.New(emulator.Options{Path: c.path, Clock: time.Now, NewID: counter()})
		if err == nil {
			t.Fatal("opened", c.path, s.Close())
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("got %q, want %q naming %s", err, c.want, c.path)
		}
	}
}

// A file that is damaged while it is in use gives an error, not a crash.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.db")
	s := open(t, path)
	u := newUser(t, s)
	id := u.create(skillFiles())
	info, err := os.Stat(path)
	u.check(err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	u.check(err)
	// Everything behind the two meta pages.
	_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, int(info.Size())-2*os.Getpagesize()), int64(2*os.Getpagesize()))
	u.check(err)
	u.check(f.Close())
	status, answer := send(t, s, http.MethodGet, assets+"/"+*id, "")
	if status != http.StatusInternalServerError {
		t.Errorf("got %d %s", status, answer)
	}
}

// A request that meets a locked file is told to come again, and has no
// effect.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.db")
	u := newUser(t, open(t, path))
	id := u.create(skillFiles())
	db, err := bbolt.Open(path, 0o600, nil)
	u.check(err)
	wantKind(t, u.updateFile(id, "references/a.md", "b\n"), remote.KindThrottling)
	u.check(db.Close())
	want(t, "version", u.version(id), 1)
}

// The variables that turn the test binary into a writer.
const (
	envStore  = "EMULATOR_TEST_STORE"
	envAsset  = "EMULATOR_TEST_ASSET"
	envRounds = "EMULATOR_TEST_ROUNDS"
	envFile   = "EMULATOR_TEST_FILE"
)

// TestWriter is the other process of the tests below: it updates an asset
// and prints each version once it is answered.
func TestWriter(t *testing.T) {
	if os.Getenv(envStore) == "" {
		t.Skip("runs as a process of another test")
	}
	u := newUser(t, open(t, os.Getenv(envStore)))
	id, file := new(os.Getenv(envAsset)), os.Getenv(envFile)
	rounds, err := strconv.Atoi(os.Getenv(envRounds))
	u.check(err)
	for i := 0; i < rounds; i++ {
		if file == "" {
			a := u.updateZip(id, numbered(i))
			fmt.Printf("version %d\n", *a.Version)
			continue
		}
		err := u.updateFile(id, file, fmt.Sprintln(i))
		if remote.IsKind(err, remote.KindThrottling) { // another process had the file for long
			i--
			continue
		}
		u.check(err)
	}
}

// numbered is a skill in which every file tells the same number.
func numbered(i int) map[manifest.Path]string {
	files := map[manifest.Path]string{"SKILL.md": skillMD}
	for f := range 5 {
		files[manifest.Path(fmt.Sprintf("references/%d.md", f))] = strings.Repeat(fmt.Sprintf("%d\n", i), 2000)
	}
	return files
}

func writer(t *testing.T, path string, id *string, rounds int, file string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriter$", "-test.v")
	cmd.Env = append(os.Environ(), envStore+"="+path, envAsset+"="+*id, envRounds+"="+strconv.Itoa(rounds), envFile+"="+file)
	cmd.Stderr = os.Stderr
	return cmd
}

// After a kill in the middle of writes there is the old version or the new
// one, whole, and never one less than was answered.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.db")
	u := newUser(t, open(t, path))
	id := u.create(numbered(0))
	for round := range 5 {
		cmd := writer(t, path, id, 1_000_000, "")
		out, err := cmd.StdoutPipe()
		u.check(err)
		u.check(cmd.Start())
		answered := int32(0)
		lines := bufio.NewScanner(out)
		for seen := 0; seen < 3+2*round && lines.Scan(); {
			if n, ok := strings.CutPrefix(lines.Text(), "version "); ok {
				v, err := strconv.Atoi(n)
				u.check(err)
				answered = int32(v)
				seen++
			}
		}
		u.check(cmd.Process.Kill())
		for lines.Scan() { // what it printed before it died
			if n, ok := strings.CutPrefix(lines.Text(), "version "); ok {
				if v, err := strconv.Atoi(n); err == nil {
					answered = int32(v)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the writer ended by itself")
		}
		s := open(t, path)
		checkWhole(t, s, id, answered)
	}
}

func checkWhole(t *testing.T, s *emulator.Server, id *string, answered int32) {
	t.Helper()
	u := newUser(t, s)
	version := u.version(id)
	if answered == 0 || version < answered || version > answered+1 {
		t.Errorf("version %d after %d was answered", version, answered)
	}
	want(t, "versions", int32(len(u.versions(id))), version)
	entries, err := s.Log()
	u.check(err)
	want(t, "newest version in the log", entries[len(entries)-1].After, version)
	bundle, err := manifest.ReadZip(u.zip(id), manifest.ZipLimits{})
	u.check(err)
	first, _ := bundle.Content("references/0.md")
	want(t, "files", bundle.Tree().Len(), 6)
	for f := range 5 {
		content, _ := bundle.Content(manifest.Path(fmt.Sprintf("references/%d.md", f)))
		want(t, "files tell one number", bytes.Equal(content, first), true)
	}
}

// Several processes write to one asset; every write counts.
func TestProcessesShareTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.db")
	u := newUser(t, open(t, path))
	files := skillFiles()
	const processes, rounds = 3, 10
	for p := range processes {
		files[manifest.Path(fmt.Sprintf("references/p%d.md", p))] = "start\n"
	}
	id := u.create(files)
	var running []*exec.Cmd
	for p := range processes {
		cmd := writer(t, path, id, rounds, fmt.Sprintf("references/p%d.md", p))
		u.check(cmd.Start())
		running = append(running, cmd)
	}
	for _, cmd := range running {
		u.check(cmd.Wait())
	}
	want(t, "version", u.version(id), 1+processes*rounds)
	for p := range processes {
		want(t, "content", u.read(id, fmt.Sprintf("references/p%d.md", p)), fmt.Sprintln(rounds-1))
	}
}
