package state_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"assetsync/manifest"
	"assetsync/sync/state"
)

var (
	space = state.Space{Endpoint: "embedded", Region: "local", AgentSpace: "sp-1"}
	owner = state.Owner{PID: 4711, Command: "push", Since: time.Date(2026, 6, 8, 9, 10, 11, 0, time.UTC)}
)

func open(t *testing.T, path string) *state.DB {
	t.Helper()
	db, err := state.Open(path, owner)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "state.db")
	blob := &manifest.Entry{Path: "a", ID: manifest.BlobID([]byte("x")), Size: 1}
	asset := state.Asset{
		Version:   7,
		Base:      state.NewByPath(map[manifest.Path]state.Pair{"a": {Local: blob, Remote: blob}, "gone": {Remote: blob}}),
		Metadata:  map[string]json.RawMessage{"agent_types": json.RawMessage(`["GENERIC"]`)},
		Seen:      state.NewByPath(map[manifest.Path]state.Seen{"a": {Entry: blob, Stamp: &state.Stamp{Version: 7, UpdatedAt: owner.Since, ReadAt: owner.Since}}}),
		Own:       []int32{6, 7},
		Deletions: []state.Deletion{{At: owner.Since, Files: 2, Side: "remote"}},
	}
	target := state.Target{AssetID: "ki-1", Identity: "demo", Epoch: 1, Intents: []state.Intent{{
		Nonce: "n", Observed: 6, Started: owner.Since, Until: owner.Since.Add(time.Hour),
		Changes: []state.PlannedChange{{Path: "a", New: blob}},
	}}}
	endpoint := state.Endpoint{DeleteRaisesVersion: state.Yes}

	db := open(t, path)
	err := db.Update(func(tx state.Tx) error {
		return errors.Join(tx.PutAsset(space, "ki-1", asset), tx.PutTarget(space, "skills/demo", target), tx.PutEndpoint(space, endpoint))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db = open(t, path)
	defer db.Close()
	if got, err := db.Asset(space, "ki-1"); err != nil || !cmp.Equal(got, asset) {
		t.Errorf("Asset: %v\n%s", err, cmp.Diff(asset, got))
	}
	if got, err := db.Target(space, "skills/demo"); err != nil || !cmp.Equal(got, target) {
		t.Errorf("Target: %v\n%s", err, cmp.Diff(target, got))
	}
	if got, err := db.Targets(space); err != nil || !cmp.Equal(got, map[string]state.Target{"skills/demo": target}) {
		t.Errorf("Targets: %v, %v", got, err)
	}
	if got, err := db.Targets(state.Space{Endpoint: space.Endpoint, Region: space.Region, AgentSpace: "sp-"}); err != nil || len(got) > 0 {
		t.Errorf("Targets of a space whose id begins alike: %v, %v", got, err)
	}
	if got, err := db.Endpoint(space); err != nil || got != endpoint {
		t.Errorf("Endpoint: %v, %v, want %v", got, err, endpoint)
	}
}

func TestSpacesAreApart(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	if err := db.Update(func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", state.Asset{Version: 3}) }); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]state.Space{
		"endpoint": {Endpoint: "https://x", Region: space.Region, AgentSpace: space.AgentSpace},
		"region":   {Endpoint: space.Endpoint, Region: "eu-west-1", AgentSpace: space.AgentSpace},
		"space":    {Endpoint: space.Endpoint, Region: space.Region, AgentSpace: "sp-2"},
	} {
		if got, err := db.Asset(other, "ki-1"); err != nil || got.Version != 0 {
			t.Errorf("another %s sees %+v, %v", name, got, err)
		}
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	want := errors.New("no")
	err := db.Update(func(tx state.Tx) error {
		if err := tx.PutAsset(space, "ki-1", state.Asset{Version: 3}); err != nil {
			t.Fatal(err)
		}
		return want
	})
	if !errors.Is(err, want) {
		t.Errorf("Update: %v, want %v", err, want)
	}
	if got, _ := db.Asset(space, "ki-1"); got.Version != 0 {
		t.Errorf("a failed update left %+v", got)
	}
}

func TestUnknownFormatIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	bolt, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := bolt.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte("99")) }); err != nil {
		t.Fatal(err)
	}
	if err := bolt.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(path, owner); err == nil || !strings.Contains(err.Error(), `format "99"`) {
		t.Errorf("Open: %v, want an error that names the format", err)
	}
}

func TestGarbageIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(path, owner); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Open: %v, want an error that names the file", err)
	}
}

// TestDamageIsAnError damages the file in ways that make bbolt panic or fault.
func TestDamageIsAnError(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut off": func(data []byte) []byte { return data[:2*os.Getpagesize()] },
		"flipped": func(data []byte) []byte {
			for i := 2 * os.Getpagesize(); i < len(data); i += 64 {
				data[i] ^= 0xff
			}
			return data
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			db := open(t, path)
			if err := db.Update(func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", state.Asset{Version: 3}) }); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			db, err = state.Open(path, owner)
			if err == nil {
				_, err = db.Asset(space, "ki-1")
				if closeErr := db.Close(); closeErr != nil {
					t.Log(closeErr)
				}
			}
			if err == nil {
				t.Error("damage was not noticed")
			}
		})
	}
}

// TestLock holds the state in another process, because the lock belongs to
// one, and kills it.
func TestLock(t *testing.T) {
	if path := os.Getenv("STATE_TEST_HOLD"); path != "" {
		db := open(t, path)
		defer db.Close()
		sayHeld(t)
	}
	path := filepath.Join(t.TempDir(), "state.db")
	kill := holdElsewhere(t, "^TestLock$", "STATE_TEST_HOLD="+path)
	_, err := state.Open(path, owner)
	if !errors.Is(err, state.ErrLocked) || !strings.Contains(err.Error(), "assetsync push (process 4711, since 2026-06-08 09:10:11)") {
		t.Errorf("Open of a held state: %v, want ErrLocked with the holder", err)
	}
	kill()
	if err := open(t, path).Close(); err != nil {
		t.Errorf("Open after the holder was killed: %v", err)
	}
}

// holdElsewhere runs a test of this package in another process, with env,
// until it says that it holds something. kill ends it as kill -9 does.
func holdElsewhere(t *testing.T, test, env string) (kill func()) {
	t.Helper()
	holder := exec.Command(os.Args[0], "-test.run="+test)
	holder.Env = append(os.Environ(), env)
	if _, err := holder.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := holder.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = holder.Wait() // it was killed
	})
	t.Cleanup(kill)
	if _, err := io.ReadFull(out, make([]byte, len(held))); err != nil {
		t.Fatal(err)
	}
	return kill
}

const held = "held\n"

// sayHeld is what such a process does once it holds something.
func sayHeld(t *testing.T) {
	os.Stdout.WriteString(held)
	_, err := os.Stdin.Read(make([]byte, 1)) // until killed
	t.Fatalf("standard input ended: %v", err)
}
