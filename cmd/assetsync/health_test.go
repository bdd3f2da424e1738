package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
	"assetsync/watcher"
)

// TestPrintHealth shows daemons to people.
func TestPrintHealth(t *testing.T) {
	now := time.Date(2026, 11, 23, 22, 30, 0, 0, time.Local)
	earlier := now.Add(-time.Hour)
	yesterday := now.Add(-24 * time.Hour)
	view := func(target string, s daemon.State, since time.Time, reason string) daemon.View {
		return daemon.View{
			Target: target, When: assetsync.OnSave, State: s, Since: since, Reason: reason, Published: 1,
			Watch: watcher.RootHealth{Mode: watcher.Native}, Result: assetsync.Result{Version: 3},
		}
	}
	behind := view("skills/a", daemon.InStep, earlier, "")
	behind.Result.Pending = []assetsync.ChangeReport{{Path: "x.md"}}
	polled := view("skills/b", daemon.InStep, earlier, "")
	polled.Watch = watcher.RootHealth{Mode: watcher.Poll, Why: "NFS tells of no changes"}
	tests := []struct {
		name   string
		health daemon.Health
		want   string
	}{
		{
			name:   "in step",
			health: daemon.Health{Owner: "assetsync watch (process 7)", Targets: []daemon.View{view("skills/a", daemon.InStep, earlier, ""), view("skills/bcd", daemon.InStep, yesterday, "")}},
			want: `assetsync watch (process 7)
2 in step
TARGET      STATE    SINCE                VERSION  PUBLISHED  WHEN  WATCHED
skills/a    in step  21:30:00             v3       1          save  native
skills/bcd  in step  2026-11-22 22:30:00  v3       1          save  native
`,
		},
		{
			name: "one cause for two",
			health: daemon.Health{Owner: "assetsync watch", Targets: []daemon.View{
				view("skills/a", daemon.InStep, earlier, ""), view("skills/b", daemon.Paused, earlier, "somebody asked for it"), view("skills/c", daemon.Paused, earlier, "somebody asked for it"),
			}},
			want: `assetsync watch
2 paused, 1 in step
TARGET    STATE    SINCE     VERSION  PUBLISHED  WHEN  WATCHED
skills/a  in step  21:30:00  v3       1          save  native
skills/b  paused   21:30:00  v3       1          save  native
skills/c  paused   21:30:00  v3       1          save  native
skills/b and 1 more: paused: somebody asked for it
`,
		},
		{
			name:   "the remote has more, and no events",
			health: daemon.Health{Owner: "assetsync watch", Targets: []daemon.View{behind, polled}},
			want: `assetsync watch
2 in step
TARGET    STATE                    SINCE     VERSION  PUBLISHED  WHEN  WATCHED
skills/a  in step, 1 file to pull  21:30:00  v3       1          save  native
skills/b  in step                  21:30:00  v3       1          save  poll
skills/b: NFS tells of no changes
`,
		},
		{
			name: "nothing looked at, an old config, no remote",
			health: daemon.Health{
				Owner: "assetsync watch", Config: "assetsync.yaml:1:1: unknown key", Remote: daemon.RemoteView{State: daemon.Offline, Reason: "connection refused"},
				Targets: []daemon.View{
					{Target: "skills/a", When: assetsync.OnSave, State: daemon.Starting, Since: earlier},
					{Target: "skills/b", When: assetsync.OnCommit, State: daemon.Offline, Reason: "connection refused", Since: earlier},
				},
			},
			want: `assetsync watch
1 starting, 1 offline
the old config is in use: assetsync.yaml:1:1: unknown key
remote: offline: connection refused
TARGET    STATE     SINCE     VERSION  PUBLISHED  WHEN    WATCHED
skills/a  starting  21:30:00  -        0          save    -
skills/b  offline   21:30:00  -        0          commit  commits
`,
		},
		{name: "no targets", health: daemon.Health{Owner: "assetsync watch"}, want: "assetsync watch\nno targets\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			a := &app{stdout: &out, now: func() time.Time { return now }}
			if err := a.printHealth(tt.health); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, out.String()); d != "" {
				t.Errorf("people see (-want +got):\n%s", d)
			}
		})
	}
}
