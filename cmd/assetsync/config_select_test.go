package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSelect(t *testing.T) {
	root := filepath.FromSlash("/repo")
	var targets []Target
	for _, name := range []string{"skills/eks", "skills/rds", "skills/team/sqs", "ops/AGENTS.md#CHAT", "ops/AGENTS.md#GENERIC"} {
		file := name
		if name[0] == 'o' {
			file = "ops/AGENTS.md"
		}
		targets = append(targets, Target{Name: name, Path: filepath.Join(root, filepath.FromSlash(file))})
	}
	tests := []struct {
		name, cwd string
		args      []string
		want      []string
	}{
		{"all", root, nil, []string{"skills/eks", "skills/rds", "skills/team/sqs", "ops/AGENTS.md#CHAT", "ops/AGENTS.md#GENERIC"}},
		{"name", root, []string{"skills/rds"}, []string{"skills/rds"}},
		{"name with a slash", root, []string{"./skills/rds/"}, []string{"skills/rds"}},
		{"name from elsewhere", filepath.Join(root, "ops"), []string{"skills/rds"}, []string{"skills/rds"}},
		{"order and repeats", root, []string{"skills/rds", "skills/eks", "skills/rds"}, []string{"skills/eks", "skills/rds"}},
		{"agent type", root, []string{"ops/AGENTS.md#CHAT"}, []string{"ops/AGENTS.md#CHAT"}},
		{"file of several", root, []string{"ops/AGENTS.md"}, []string{"ops/AGENTS.md#CHAT", "ops/AGENTS.md#GENERIC"}},
		{"path in a target", root, []string{"skills/eks/references/a.md"}, []string{"skills/eks"}},
		{"path above targets", root, []string{"skills"}, []string{"skills/eks", "skills/rds", "skills/team/sqs"}},
		{"relative path", filepath.Join(root, "skills", "eks"), []string{"../rds"}, []string{"skills/rds"}},
		{"here", filepath.Join(root, "skills", "eks", "references"), []string{"."}, []string{"skills/eks"}},
		{"absolute path", root, []string{filepath.Join(root, "skills", "eks")}, []string{"skills/eks"}},
		{"glob", root, []string{"skills/*s"}, []string{"skills/eks", "skills/rds"}},
		{"glob of paths", filepath.Join(root, "skills"), []string{"*s"}, []string{"skills/eks", "skills/rds"}},
		{"glob of paths above", filepath.Join(root, "ops"), []string{"../skills/{eks,rds}"}, []string{"skills/eks", "skills/rds"}},
		{"glob, name and path", filepath.Join(root, "skills", "eks"), []string{"skills/team/*", "skills/rds", "."}, []string{"skills/eks", "skills/rds", "skills/team/sqs"}},
		{"deep glob", root, []string{"**/sqs"}, []string{"skills/team/sqs"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chosen, err := Select(targets, tt.args, tt.cwd)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, target := range chosen {
				got = append(got, target.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
		})
	}
	const ofGlobs = "\nhint: assetsync status lists the targets; a glob is of whole names, in which ** stands for any number of directories, and has to be quoted"
	errors := []struct {
		arg     string
		targets []Target
		want    string
	}{
		{"ekss", targets, `no target "ekss"; did you mean skills/eks?`},
		{"skills/rsd", targets, `no target "skills/rsd"; did you mean skills/rds?`},
		{"other", targets, `no target "other": there are skills/eks, skills/rds, skills/team/sqs, ops/AGENTS.md#CHAT and ops/AGENTS.md#GENERIC`},
		{"skills/[", targets[:1], `no target "skills/[": there are skills/eks`},
		{"a", nil, `no target "a": there are none`},
		{"ekss*", targets, `no target matches "ekss*"; did you mean skills/eks?` + ofGlobs},
		{"nothing/*", targets[:1], `no target matches "nothing/*": there are skills/eks` + ofGlobs},
		{"other", slices.Repeat(targets[:1], 7), `no target "other" among 7`},
	}
	for _, tt := range errors {
		t.Run(tt.arg, func(t *testing.T) {
			_, err := Select(tt.targets, []string{tt.arg}, root)
			if !strings.Contains(tt.want, "hint: ") {
				tt.want += "\nhint: assetsync status lists the targets"
			}
			wantUsage(t, err, tt.want)
		})
	}
}
