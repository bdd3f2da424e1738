package state_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"assetsync/sync/state"
)

func answered(answers ...string) state.Probe {
	p := state.Probe{At: owner.Since, AgentSpace: "sp-1"}
	for _, a := range answers {
		quirk, reading, _ := strings.Cut(a, "=")
		p.Answers = append(p.Answers, state.ProbeAnswer{Item: 1, Question: "what", Quirk: quirk, Reading: reading, Text: "seen", Calls: []string{"GetAsset"}})
	}
	return p
}

func TestNewEndpoint(t *testing.T) {
	for _, c := range []struct {
		name                      string
		answers                   []string
		deletes, creates, refuses state.Tri
	}{
		{"nothing", nil, state.Unknown, state.Unknown, state.Unknown},
		{"as wished", []string{"file-delete-version=bump", "file-create-version=bump", "create-existing=conflict"}, state.Yes, state.Yes, state.Yes},
		{"refused as not valid", []string{"create-existing=validation"}, state.Unknown, state.Unknown, state.Yes},
		{"the other way", []string{"file-delete-version=keep", "file-create-version=keep", "create-existing=overwrite"}, state.No, state.No, state.No},
		{"not found out", []string{"file-delete-version=", "create-existing="}, state.Unknown, state.Unknown, state.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := answered(c.answers...)
			want := state.Endpoint{DeleteRaisesVersion: c.deletes, CreateRaisesVersion: c.creates, CreateRefusesExisting: c.refuses, Probe: &p}
			got := state.NewEndpoint(p)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("endpoint (-want +got):\n%s", d)
			}
			if f := got.Forgotten(); f != nil {
				t.Errorf("forgotten at once: %v", f)
			}
		})
	}
}

func TestForgotten(t *testing.T) {
	e := state.NewEndpoint(answered("file-delete-version=bump", "file-create-version=bump", "create-existing=conflict"))
	e.DeleteRaisesVersion, e.CreateRaisesVersion, e.CreateRefusesExisting = state.No, state.Unknown, state.Unknown
	if d := cmp.Diff([]string{"file-delete-version", "file-create-version", "create-existing"}, e.Forgotten()); d != "" {
		t.Errorf("forgotten (-want +got):\n%s", d)
	}
	// What a push has learned and no probe has told is not forgotten.
	learned := state.NewEndpoint(answered("create-existing=conflict"))
	learned.DeleteRaisesVersion = state.No
	if got := learned.Forgotten(); got != nil {
		t.Errorf("forgotten: %v", got)
	}
}

func TestEndpointRoundTrip(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	want := state.NewEndpoint(answered("file-delete-version=bump", "page-size=7"))
	if err := db.Update(func(tx state.Tx) error { return tx.PutEndpoint(space, want) }); err != nil {
		t.Fatal(err)
	}
	change := func(e *state.Endpoint) { e.DeleteRaisesVersion = state.No }
	if err := db.Update(func(tx state.Tx) error { return tx.ChangeEndpoint(space, change) }); err != nil {
		t.Fatal(err)
	}
	want.DeleteRaisesVersion = state.No
	got, err := db.Endpoint(space)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("endpoint: %v (-want +got):\n%s", err, d)
	}
	// Of an endpoint that nothing is known of yet.
	other := state.Space{Endpoint: "https://other", Region: "r"}
	if err := db.Update(func(tx state.Tx) error { return tx.ChangeEndpoint(other, change) }); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Endpoint(other); err != nil || got != (state.Endpoint{DeleteRaisesVersion: state.No}) {
		t.Errorf("other endpoint: %+v, %v", got, err)
	}
}

// TestEndpointFormats reads records of earlier and later versions.
func TestEndpointFormats(t *testing.T) {
	for _, c := range []struct {
		name, record string
		want         state.Endpoint
		err          string // part of the error; "" for none
	}{
		{"of before there was a probe", `{"delete_raises_version":"yes"}`, state.Endpoint{DeleteRaisesVersion: state.Yes}, ""},
		{"an empty one", `{}`, state.Endpoint{}, ""},
		{"of a later format", `{"probe":{"format":2,"answers":{"x":1}}}`, state.Endpoint{}, "answers of a probe have format 2, and this version of assetsync knows 1"},
		{"without a format", `{"probe":{"answers":[]}}`, state.Endpoint{}, "format 0"},
		{"an answer that is not known", `{"create_raises_version":"sometimes"}`, state.Endpoint{}, `"sometimes" is no answer`},
		{"no record", `[]`, state.Endpoint{}, "cannot unmarshal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			if err := open(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			bolt, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = bolt.Update(func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("endpoints")).Put([]byte(space.Endpoint+"\x00"+space.Region), []byte(c.record))
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := bolt.Close(); err != nil {
				t.Fatal(err)
			}
			db := open(t, path)
			defer db.Close()
			got, err := db.Endpoint(space)
			changed := db.Update(func(tx state.Tx) error { return tx.ChangeEndpoint(space, func(*state.Endpoint) {}) })
			if c.err == "" {
				if err != nil || changed != nil || got != c.want {
					t.Errorf("got %+v, %v, %v", got, err, changed)
				}
				return
			}
			for _, err := range []error{err, changed} {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got error %v, want %q", err, c.err)
				}
			}
			// A new probe replaces it.
			if err := db.Update(func(tx state.Tx) error { return tx.PutEndpoint(space, state.NewEndpoint(answered())) }); err != nil {
				t.Error(err)
			}
			if _, err := db.Endpoint(space); err != nil {
				t.Error(err)
			}
		})
	}
}
