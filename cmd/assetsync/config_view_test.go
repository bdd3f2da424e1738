package main

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExpandSources looks for targets where their sources have them: the
// directory holds both and new, HEAD both and gone, release gone alone.
func TestExpandSources(t *testing.T) {
	directory := tree("skills/both/SKILL.md", "skills/new/SKILL.md", "skills/notes/x.md", "ops/AGENTS.md")
	revisions := map[string]fs.FS{
		"HEAD":    tree("skills/both/SKILL.md", "skills/gone/SKILL.md", "ops/AGENTS.md"),
		"release": tree("skills/gone/SKILL.md"),
		"empty":   emptyView{},
	}
	const agents = "metadata: {agent_types: [CHAT]}"
	tests := map[string]struct {
		config  string
		opts    ExpandOptions
		want    []string // "name revision"
		skipped []string
		notes   []string
		err     string
	}{
		"worktree": {
			config: "targets: [{path: 'skills/*', " + agents + "}]",
			want:   []string{"skills/both ", "skills/new "}, skipped: []string{"skills/notes holds none of AGENTS.md, AGENT.md and SKILL.md"},
		},
		"git": {
			config: "targets: [{path: 'skills/*', source: git, " + agents + "}]",
			want:   []string{"skills/both HEAD", "skills/gone HEAD"},
		},
		"a revision": {
			config: "targets: [{path: 'skills/*', source: 'git:release', " + agents + "}]",
			want:   []string{"skills/gone release"},
		},
		"committed when published": {
			config: "targets: [{path: 'skills/*', publish: {when: commit}, " + agents + "}]",
			want:   []string{"skills/both HEAD", "skills/gone HEAD"},
		},
		"one of the directory's is of git": {
			config: "targets: [{path: 'skills/*', " + agents + "}, {path: skills/both, source: git}]",
			want:   []string{"skills/both HEAD", "skills/new "},
			// skills/gone is in HEAD alone, and a glob of the directory says nothing of it.
			skipped: []string{"skills/gone is in git only, not in the directory", "skills/notes holds none of AGENTS.md, AGENT.md and SKILL.md"},
		},
		"one of git's is of the directory": {
			config:  "targets: [{path: 'skills/*', source: git, " + agents + "}, {path: skills/new, source: worktree}]",
			want:    []string{"skills/both HEAD", "skills/gone HEAD", "skills/new "},
			skipped: []string{"skills/notes is not in git revision HEAD"},
		},
		"by the main file and by the directory": {
			config: "targets: [{path: 'skills/*/SKILL.md', " + agents + "}, {path: skills/both, source: 'git:release'}, {path: skills/gone, source: git}]",
			err:    `assetsync.yaml:2:80: targets[1].path: "skills/both" does not exist in git revision release`,
		},
		"named and not committed": {
			config: "targets: [{path: skills/new, source: git, " + agents + "}]",
			err:    `assetsync.yaml:2:18: targets[0].path: "skills/new" does not exist in git revision HEAD`,
		},
		"named, misspelt": {
			config: "targets: [{path: skills/gon, source: git, " + agents + "}]",
			err:    `assetsync.yaml:2:18: targets[0].path: "skills/gon" does not exist in git revision HEAD; did you mean "skills/gone"?`,
		},
		"named, with a type, to pull to": {
			config: "targets: [{path: skills/later, type: skill, source: git, " + agents + "}]",
			opts:   ExpandOptions{AllowMissing: true}, want: []string{"skills/later HEAD"},
		},
		"in the directory, to pull to": {
			config: "targets: [{path: 'skills/*', " + agents + "}, {path: skills/new, type: skill, source: git}]",
			opts:   ExpandOptions{AllowMissing: true}, want: []string{"skills/both ", "skills/new HEAD"},
			skipped: []string{"skills/gone is in git only, not in the directory", "skills/notes holds none of AGENTS.md, AGENT.md and SKILL.md"},
		},
		"one file": {
			config: "targets: [{path: ops/AGENTS.md, source: git, agent_type: CHAT}]",
			want:   []string{"ops/AGENTS.md HEAD"},
		},
		"before the first commit": {
			config: "targets: [{path: 'skills/*', source: 'git:empty'}]",
			notes:  []string{`targets[0].path: "skills/*" matches nothing in git revision empty`},
		},
		"--rev": {
			config: "targets: [{path: 'skills/*', " + agents + "}, {path: ops/AGENTS.md, agent_type: CHAT}]",
			opts:   ExpandOptions{Rev: "release"}, want: []string{"skills/gone release"},
			notes: []string{`targets[1].path: "ops/AGENTS.md" does not exist in git revision release`},
		},
		"--rev over a source": {
			config: "targets: [{path: 'skills/*', source: git, " + agents + "}]",
			opts:   ExpandOptions{Rev: "release"}, want: []string{"skills/gone release"},
		},
		"no such revision": {
			config: "targets: [{path: 'skills/*', source: 'git:none'}]",
			err:    `assetsync.yaml:2:18: targets[0].path: cannot look at "skills/*" in git: no such revision`,
		},
		"git that is published on save": {
			config: "targets: [{path: skills/both, source: git, publish: {when: save}, " + agents + "}]",
			err:    `assetsync.yaml:2:39: skills/both: source: git changes with commits, so publish.when: save never comes: use commit or manual`,
		},
		"the directory that is published on commit": {
			config: "targets: [{path: skills/both, source: worktree, publish: {when: commit}, " + agents + "}]",
			err:    `assetsync.yaml:2:39: skills/both: publish.when: commit publishes what is in git: use source: git, or leave source out`,
		},
		"no source": {
			config: "targets: [{path: skills/both, source: got}]",
			err:    `assetsync.yaml:2:39: targets[0].source: "got" is no source: want worktree, git or git:REV; did you mean "git"?`,
		},
		"no revision": {
			config: "targets: [{path: skills/both, source: 'git:'}]",
			err:    `assetsync.yaml:2:39: targets[0].source: "git:" names no revision: want git for HEAD, or for example git:main`,
		},
		"a revision with a space": {
			config: "targets: [{path: skills/both, source: 'git:a b'}]",
			err:    `assetsync.yaml:2:39: targets[0].source: "git:a b" is no revision: it holds a space or a control character`,
		},
		"an option as revision": {
			config: "targets: [{path: skills/both, source: 'git:-x'}]",
			err:    `assetsync.yaml:2:39: targets[0].source: "git:-x" is no revision: it begins with -`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.opts.At = func(rev string) (fs.FS, error) {
				if fsys, ok := revisions[rev]; ok {
					return fsys, nil
				}
				return nil, errors.New("no such revision")
			}
			x, err := expanded(t, directory, tt.config, tt.opts)
			if tt.err != "" {
				wantUsage(t, err, tt.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got, skipped, notes []string
			for _, one := range x.Targets {
				got = append(got, one.Name+" "+one.Rev)
			}
			for _, s := range x.Skipped {
				skipped = append(skipped, s.Path+" "+s.Reason)
			}
			for _, n := range x.Notes {
				notes = append(notes, n.Text)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("targets (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.skipped, skipped); d != "" {
				t.Errorf("skipped (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.notes, notes); d != "" {
				t.Errorf("notes (-want +got):\n%s", d)
			}
		})
	}
}
