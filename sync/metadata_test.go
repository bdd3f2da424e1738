package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
	"assetsync/manifest/gitrepo"
	assetsync "assetsync/sync"
)

// configName is a config of tests: the owned metadata of the one target, as
// JSON, in the directory that is published, which leaves it out.
const configName = "config.json"

// configure gives an engine the config, where the machine has one.
func (m *machine) configure(o *assetsync.Options) {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.dir, configName))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	o.Target.Ignore = []string{configName}
	o.Target.Metadata = nil
	if err := json.Unmarshal(data, &o.Target.Metadata); err != nil {
		m.t.Fatal(err)
	}
	if o.Repo == nil {
		return
	}
	o.ConfigFile = filepath.Join(m.dir, configName)
	o.MetadataAt = func(ctx context.Context, config gitrepo.Point, paths []string) (metadata map[string]any, ok bool, err error) {
		fsys, _, err := o.Repo.FS(ctx, config.Newest)
		if err != nil {
			return nil, false, err
		}
		data, err := fs.ReadFile(fsys, config.Path)
		if err != nil {
			return nil, false, err
		}
		if !slices.Contains(paths, ".") {
			m.t.Errorf("asked for %q", paths)
		}
		return metadata, true, json.Unmarshal(data, &metadata)
	}
}

func (w *world) metadata(id, key string) any {
	w.t.Helper()
	metadata, err := w.asset(id).Metadata.Map()
	if err != nil {
		w.t.Fatal(err)
	}
	return metadata[key]
}

const (
	generic  = `{"agent_types": ["GENERIC"]}`
	chat     = `{"agent_types": ["CHAT"]}`
	active   = `{"agent_types": ["GENERIC"], "status": "ACTIVE"}`
	inactive = `{"agent_types": ["GENERIC"], "status": "INACTIVE"}`
)

// TestMetadataWithoutState changes metadata in commits and in the web app, and
// pushes from fresh clones.
func TestMetadataWithoutState(t *testing.T) {
	config := func(m *machine, text string) {
		m.write(configName, text)
		m.commitNow(text)
	}
	set := func(w *world, id, key string, value any) { w.setMetadata(id, map[string]any{key: value}) }
	tests := map[string]struct {
		first   string // config that was published; default generic
		story   func(w *world, dev *machine, id string)
		clone   []string
		options assetsync.PushOptions
		want    assetsync.Outcome
		action  string // of the one change; "": none
		note    string
		key     string
		live    any
	}{
		"nothing new": {
			story: func(*world, *machine, string) {}, want: assetsync.Unchanged,
			key: "agent_types", live: []any{"GENERIC"},
		},
		"a commit changes it": {
			story: func(_ *world, dev *machine, _ string) { config(dev, chat) },
			want:  assetsync.Published, action: "publish", key: "agent_types", live: []any{"CHAT"},
		},
		"several commits change it": {
			story: func(_ *world, dev *machine, _ string) {
				config(dev, `{"agent_types": ["INCIDENT_RCA"]}`)
				config(dev, chat)
			},
			want: assetsync.Published, action: "publish", key: "agent_types", live: []any{"CHAT"},
		},
		"many commits change it": {
			story: func(_ *world, dev *machine, _ string) {
				for range 6 {
					config(dev, `{"agent_types": ["INCIDENT_RCA"]}`)
					config(dev, chat)
				}
			},
			want: assetsync.Published, action: "publish", key: "agent_types", live: []any{"CHAT"},
		},
		"the web changes it": {
			story: func(w *world, _ *machine, id string) { set(w, id, "agent_types", []any{"PREVENTION"}) },
			want:  assetsync.Unchanged, action: "pending", key: "agent_types", live: []any{"PREVENTION"},
		},
		"both change it": {
			story: func(w *world, dev *machine, id string) {
				set(w, id, "agent_types", []any{"PREVENTION"})
				config(dev, chat)
			},
			want: assetsync.Conflict, action: "conflict", key: "agent_types", live: []any{"PREVENTION"},
		},
		"both change it, local preferred": {
			story: func(w *world, dev *machine, id string) {
				set(w, id, "agent_types", []any{"PREVENTION"})
				config(dev, chat)
			},
			options: assetsync.PushOptions{Prefer: diff.Local},
			want:    assetsync.Published, action: "publish", key: "agent_types", live: []any{"CHAT"},
		},
		"a revert publishes": {
			story: func(_ *world, dev *machine, _ string) {
				config(dev, chat)
				dev.clone().mustPush(assetsync.Published)
				config(dev, generic)
			},
			want: assetsync.Published, action: "publish", key: "agent_types", live: []any{"GENERIC"},
		},
		"the web goes back": {
			story: func(w *world, dev *machine, id string) {
				config(dev, chat)
				dev.clone().mustPush(assetsync.Published)
				set(w, id, "agent_types", []any{"GENERIC"})
			},
			want: assetsync.Unchanged, action: "pending", key: "agent_types", live: []any{"GENERIC"},
		},
		"an emergency stop is not undone by a push of something else": {
			first: active,
			story: func(w *world, dev *machine, id string) {
				set(w, id, "status", "INACTIVE")
				dev.write("a.md", "a2")
				dev.commitNow("a2")
			},
			want: assetsync.Published, action: "pending", key: "status", live: "INACTIVE",
		},
		"an emergency stop is not undone by who comes to own the key": {
			story: func(w *world, dev *machine, id string) {
				set(w, id, "status", "INACTIVE")
				config(dev, active)
			},
			want: assetsync.Unchanged, action: "pending", key: "status", live: "INACTIVE",
		},
		"a new key": {
			story: func(_ *world, dev *machine, _ string) { config(dev, inactive) },
			want:  assetsync.Published, action: "publish", key: "status", live: "INACTIVE",
		},
		"a new key in a shallow clone": {
			story: func(_ *world, dev *machine, _ string) { config(dev, inactive) },
			clone: []string{"--depth=1"},
			want:  assetsync.Published, action: "publish", key: "status", live: "INACTIVE",
		},
		"a new key that is not committed yet": {
			story: func(*world, *machine, string) {}, clone: []string{"edit"},
			want: assetsync.Published, action: "publish", key: "status", live: "INACTIVE",
		},
		"made active again in the web": {
			story: func(w *world, dev *machine, id string) {
				config(dev, inactive)
				dev.clone().mustPush(assetsync.Published)
				set(w, id, "status", "ACTIVE")
			},
			want: assetsync.Unchanged, action: "pending", key: "status", live: "ACTIVE",
		},
		"made active again in the web, in a shallow clone": {
			story: func(w *world, dev *machine, id string) {
				config(dev, inactive)
				dev.clone().mustPush(assetsync.Published)
				set(w, id, "status", "ACTIVE")
				dev.commitNow("another")
			},
			clone: []string{"--depth=1"},
			want:  assetsync.Conflict, action: "conflict", note: "fetch-depth: 0", key: "status", live: "ACTIVE",
		},
		"a shallow clone": {
			story: func(_ *world, dev *machine, _ string) { config(dev, chat) },
			clone: []string{"--depth=1"},
			want:  assetsync.Conflict, action: "conflict", note: "fetch-depth: 0", key: "agent_types", live: []any{"GENERIC"},
		},
		"a job of an older commit": {
			story: func(_ *world, dev *machine, _ string) {
				config(dev, chat)
				dev.clone().mustPush(assetsync.Published)
			},
			clone: []string{"HEAD~1"},
			want:  assetsync.Unchanged, action: "pending", key: "agent_types", live: []any{"CHAT"},
		},
		"a config that nobody understands": {
			story: func(_ *world, dev *machine, _ string) { config(dev, "{"); config(dev, chat) },
			want:  assetsync.Published, action: "publish", note: "does not tell what the metadata was", key: "agent_types", live: []any{"CHAT"},
		},
		"a list in another order": {
			first: `{"agent_types": ["CHAT", "INCIDENT_RCA"]}`,
			story: func(w *world, dev *machine, id string) {
				set(w, id, "agent_types", []any{"INCIDENT_RCA", "CHAT"})
				config(dev, chat)
			},
			want: assetsync.Published, action: "publish", key: "agent_types", live: []any{"CHAT"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dev := w.machine(skill(map[string]string{"a.md": "a1", configName: generic}))
			if tt.first != "" {
				dev.write(configName, tt.first)
			}
			dev.git("init", "-q", "-b", "main")
			dev.commitNow("first")
			id := dev.clone().mustPush(assetsync.Created).AssetID
			tt.story(w, dev, id)
			var args []string
			if len(tt.clone) > 0 && strings.HasPrefix(tt.clone[0], "--") {
				args = tt.clone
			}
			runner := dev.clone(args...)
			switch {
			case len(tt.clone) == 0 || len(args) > 0:
			case tt.clone[0] == "edit":
				runner.write(configName, inactive)
			default:
				runner.at(tt.clone[0])
			}
			if s := runner.status(); actions(s) != tt.action && tt.options.Prefer == diff.Neither {
				t.Errorf("status says %q, want %q", actions(s), tt.action)
			}
			res := runner.push(tt.options)
			if res.Outcome != tt.want || actions(res) != tt.action {
				t.Errorf("%s, %s; want %s, %s\n%s", res.Outcome, actions(res), tt.want, tt.action, describe(res))
			}
			if notes := strings.Join(res.Notes, "\n"); !strings.Contains(notes, tt.note) {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
			if d := cmp.Diff(tt.live, w.metadata(id, tt.key)); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.key, d)
			}
		})
	}
}

func actions(res assetsync.Result) string {
	var all []string
	for _, c := range res.MetadataChanges {
		all = append(all, c.Action)
	}
	return strings.Join(all, " ")
}

// TestNewKey comes to own a key on a machine that has state, without git.
func TestNewKey(t *testing.T) {
	tests := map[string]struct {
		before func(w *world, id string)
		want   assetsync.Outcome
		live   string
	}{
		"the service's default": {func(*world, string) {}, assetsync.Published, "INACTIVE"},
		"somebody's decision": {func(w *world, id string) {
			w.setMetadata(id, map[string]any{"status": "INACTIVE"})
			w.setMetadata(id, map[string]any{"status": "ACTIVE"})
		}, assetsync.Conflict, "ACTIVE"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(nil))
			id := m.mustPush(assetsync.Created).AssetID
			tt.before(w, id)
			m.target.Metadata["status"] = "INACTIVE"
			m.mustPush(tt.want)
			if got := w.metadata(id, "status"); got != tt.live {
				t.Errorf("status %v, want %s", got, tt.live)
			}
			if tt.want == assetsync.Published {
				m.wantQuiet()
			}
		})
	}
}

// TestMetadataToldInEachRound lets the job of an older commit publish between
// the two rounds of a push: what it published is what is gone on from.
func TestMetadataToldInEachRound(t *testing.T) {
	w := newWorld(t)
	dev := w.machine(skill(map[string]string{"a.md": "a1", configName: generic}))
	dev.git("init", "-q", "-b", "main")
	dev.commitNow("first")
	id := dev.clone().mustPush(assetsync.Created).AssetID
	dev.write(configName, `{"agent_types": ["INCIDENT_RCA"]}`)
	dev.commitNow("second")
	other := dev.clone()
	dev.write("a.md", "a2")
	dev.write(configName, chat)
	dev.commitNow("third")
	w.beforeWrite(func() {
		other.mustPush(assetsync.Published)
		w.fault("op=UpdateAsset,kind=reset-before") // ends the first round
	})
	dev.clone().mustPush(assetsync.Published)
	if d := cmp.Diff([]any{"CHAT"}, w.metadata(id, "agent_types")); d != "" {
		t.Errorf("agent_types (-want +got):\n%s", d)
	}
}

// TestPullSettlesMetadata pulls, and pushes without having touched the metadata
// that was changed elsewhere meanwhile: not even --prefer local undoes that.
func TestPullSettlesMetadata(t *testing.T) {
	w := newWorld(t)
	one := w.machine(skill(fiveFiles))
	id := one.mustPush(assetsync.Created).AssetID
	two := w.machine(nil)
	two.target.AssetID = id
	two.mustPull(assetsync.CheckedOut)

	w.setMetadata(id, map[string]any{"agent_types": []any{"CHAT"}})
	two.write("a.md", "two")
	res := two.push(assetsync.PushOptions{Prefer: diff.Local})
	two.want(res, assetsync.Published)
	if got := w.metadata(id, "agent_types").([]any)[0]; got != "CHAT" {
		t.Errorf("agent_types %v: undone by who did not change it\n%s", got, describe(res))
	}
}
