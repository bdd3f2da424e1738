package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestInitDialogue answers the questions of init.
func TestInitDialogue(t *testing.T) {
	const skills = "skills/a/SKILL.md skills/b/SKILL.md"
	tests := []struct {
		name    string
		files   string
		above   string // a config above the directory
		given   initFlags
		env     map[string]string
		answers string
		want    initFlags
		asked   []string // of the questions
		err     string
	}{
		{name: "all defaults", files: skills, answers: ".\n\n\n",
			want:  initFlags{InitOptions: InitOptions{Endpoint: "embedded", AgentTypes: []string{"GENERIC"}}},
			asked: []string{"directory", "[embedded]", "agent types", "found skills/a (skill)"}},
		{name: "the end of the input takes the defaults", files: skills,
			want: initFlags{InitOptions: InitOptions{Endpoint: "embedded", AgentTypes: []string{"GENERIC"}}}},
		{name: "the service", files: skills, answers: "\neu-west-1\nsp-1\n\nCHAT, INCIDENT_RCA\nno\n",
			want: initFlags{InitOptions: InitOptions{Region: "eu-west-1", AgentSpace: "sp-1", AgentTypes: []string{"CHAT", "INCIDENT_RCA"}}}},
		{name: "what is there", files: "ops/AGENTS.md", answers: "\neu-west-1\nsp-1\n\n\n",
			want: initFlags{InitOptions: InitOptions{Region: "eu-west-1", AgentSpace: "sp-1"}, pin: true}},
		{name: "region of the environment", files: "a.md", env: map[string]string{"AWS_REGION": "us-east-1"}, answers: "\n\nsp-1\n\n",
			want: initFlags{InitOptions: InitOptions{Region: "us-east-1", AgentSpace: "sp-1"}}, asked: []string{"[us-east-1]", "is there yet"}},
		{name: "a config above", files: "a.md", above: "region: eu-west-1\nagent_space: sp-9\naccount: \"123456789012\"\n", answers: "\n\n\n\n",
			want: initFlags{InitOptions: InitOptions{Region: "eu-west-1", AgentSpace: "sp-9", Account: "123456789012"}}, asked: []string{"[eu-west-1]", "[sp-9]"}},
		{name: "several types", files: "skills/a/SKILL.md ops/AGENTS.md", answers: "\n\nskil\nagents_md\n",
			want: initFlags{InitOptions: InitOptions{Endpoint: "embedded", Type: "agents_md"}}, asked: []string{`did you mean "skill"?`}},
		{name: "what is given is not asked", files: skills, given: initFlags{InitOptions: InitOptions{Region: "eu-west-1", AgentTypes: []string{"CHAT"}}, pin: true}, answers: "\nsp-1\n\n",
			want: initFlags{InitOptions: InitOptions{Region: "eu-west-1", AgentSpace: "sp-1", AgentTypes: []string{"CHAT"}}, pin: true}},
		{name: "corrected", files: skills, answers: "nowhere\n.\nEU west\neu-west-1\nsp 1\nsp-1\nftp://a\nhttp://127.0.0.1:1\nchat\nCHAT\nmaybe\nno\n",
			want: initFlags{InitOptions: InitOptions{Region: "eu-west-1", AgentSpace: "sp-1", Endpoint: "http://127.0.0.1:1", AgentTypes: []string{"CHAT"}}}},
		{name: "no answer where one is needed", files: skills, answers: "\neu-west-1\n", err: `no usable answer to "agent space id"`},
		{name: "a config is there", files: skills + " assetsync.yaml", answers: "\n", err: "it exists already"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none")) // no region of the user's
			t.Setenv("AWS_REGION", "")
			t.Setenv("AWS_DEFAULT_REGION", "")
			outer := t.TempDir()
			dir := filepath.Join(outer, "in")
			for _, name := range strings.Fields(tt.files) {
				writeFile(t, filepath.Join(dir, name), "---\nname: x\n---\n")
			}
			if tt.above != "" {
				writeFile(t, filepath.Join(outer, ConfigName), tt.above)
			}
			var said bytes.Buffer
			a := &app{stderr: &said, cwd: dir, now: time.Now, getenv: func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok }}
			var err error
			if a.log, err = newLogger(&said, a.logLevel(0), "console"); err != nil {
				t.Fatal(err)
			}
			flags := tt.given
			d := &initDialogue{app: a, in: strings.NewReader(tt.answers), flags: &flags}
			got, err := d.run(context.Background(), dir, false)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || got != dir {
				t.Fatalf("got %s, %v\n%s", got, err, &said)
			}
			if diff := cmp.Diff(tt.want, flags, cmp.AllowUnexported(initFlags{})); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, &said)
			}
			if err := flags.check(); err != nil {
				t.Errorf("the answers are refused: %v", err)
			}
			for _, want := range tt.asked {
				if !strings.Contains(said.String(), want) {
					t.Errorf("never said %q:\n%s", want, &said)
				}
			}
		})
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.WriteFile(name, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
