package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

// githubRun is what a step of a GitHub workflow has run: its envelope, and the
// code that it ended with.
type githubRun struct {
	Command string
	Env     string
	Dir     string
	Error   *assetsync.Error
	Targets []assetsync.Result
	Flags   []string     // of plan
	plans   []planTarget // of plan, the targets with what is planned

	code    int
	json    string // the file of the envelope
	comment string // the file of what is to be a comment; "" for none
}

// githubReportCommand is what the action calls after the run. It is no
// command for people.
func (a *app) githubReportCommand() *cobra.Command {
	var code int
	cmd := &cobra.Command{
		Use:    "github-report FILE",
		Short:  "Report the envelope in a file to a workflow of GitHub",
		Hidden: true,
		Long: `Report what --json wrote to FILE to the workflow of GitHub that this is a step
of: a listing and annotations on standard output, a summary in the file that
GITHUB_STEP_SUMMARY names, outputs in the file of GITHUB_OUTPUT. Annotations
name files relative to GITHUB_WORKSPACE. What is not set is left out. A plan is
written as a comment of a pull request, too, to comment.md beside FILE.`,
		Example: "  assetsync github-report --code 3 result.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			run, err := readGithubRun(a.abs(args[0]), code)
			if err != nil {
				return err
			}
			if err := a.listForGithub(run); err != nil {
				return err
			}
			if _, err := fmt.Fprint(a.stdout, a.annotations(run)); err != nil {
				return err
			}
			if err := a.appendTo("GITHUB_STEP_SUMMARY", a.summaryOf(run)); err != nil {
				return err
			}
			if err := a.writeComment(&run); err != nil {
				return err
			}
			return a.appendTo("GITHUB_OUTPUT", run.outputs())
		},
	}
	cmd.Flags().IntVar(&code, "code", 0, "the exit `CODE` of the run")
	return cmd
}

// readGithubRun reads an envelope. A run that has written none was cut short,
// which is reported as well.
func readGithubRun(file string, code int) (githubRun, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return githubRun{}, usageError(err, "name the file that the output of --json went to", "read the result: %v", err)
	}
	var e struct {
		Command, Env, Dir string
		Error             *assetsync.Error
		Targets           json.RawMessage
		Flags             []string
	}
	run := githubRun{code: code, json: file}
	if err := json.Unmarshal(data, &e); err != nil {
		run.Error = &assetsync.Error{Kind: assetsync.KindFailed, Message: fmt.Sprintf("assetsync ended with code %d and without a result", code),
			Hint: "the log of the step says why"}
		return run, nil
	}
	run.Command, run.Env, run.Dir, run.Error, run.Flags = e.Command, e.Env, e.Dir, e.Error, e.Flags
	if err := json.Unmarshal(e.Targets, &run.Targets); err != nil {
		run.Targets = nil // of a verb whose targets are no results
	}
	if run.Command == planVerb {
		if err := json.Unmarshal(e.Targets, &run.plans); err != nil || slices.ContainsFunc(run.plans, func(t planTarget) bool { return t.Plan == nil }) {
			return githubRun{}, usageError(err, "name the file that the output of this version's --json went to", "read the result: it holds no plan")
		}
	}
	return run, nil
}

// listForGithub prints what people see without --json. Nothing in it is a
// command to the runner, whatever it looks like.
func (a *app) listForGithub(run githubRun) error {
	if len(run.Targets) == 0 {
		return nil
	}
	end := rand.Text()
	if _, err := fmt.Fprintf(a.stdout, "::stop-commands::%s\n", end); err != nil {
		return err
	}
	var err error
	if run.Command == planVerb {
		err = a.as(run).printPlan(run.plans, run.Flags)
	} else {
		err = a.as(run).printResults(run.Targets, nil)
	}
	_, ended := fmt.Fprintf(a.stdout, "\n::%s::\n", end)
	return errors.Join(err, ended)
}

// writeComment writes a plan as a comment beside the envelope.
func (a *app) writeComment(run *githubRun) error {
	if run.Command != planVerb {
		return nil
	}
	run.comment = filepath.Join(filepath.Dir(run.json), "comment.md")
	if err := os.WriteFile(run.comment, []byte(a.as(*run).planMarkdown(*run, maxCommentBytes)), 0o644); err != nil {
		return fmt.Errorf("write comment: %w", err)
	}
	return nil
}

// as is the app that has run the verb.
func (a *app) as(run githubRun) *app {
	b := *a
	b.command = run.Command
	return &b
}

// appendTo adds text to the file that an environment variable names, if it
// names one.
func (a *app) appendTo(variable, text string) error {
	name, _ := a.getenv(variable)
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", variable, err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", variable, err)
	}
	return nil
}

// outputs are the outputs of the step. Their values stand between lines that
// nobody can foresee.
func (run githubRun) outputs() string {
	var b strings.Builder
	list := [][2]string{
		{"changed", strconv.FormatBool(slices.ContainsFunc(run.Targets, hasChanged))},
		{"version", run.versions()},
		{"exit-code", strconv.Itoa(run.code)},
		{"json", run.json},
	}
	if run.comment != "" {
		list = append(list, [2]string{"comment", run.comment})
	}
	for _, o := range list {
		end := rand.Text()
		fmt.Fprintf(&b, "%s<<%s\n%s\n%[2]s\n", o[0], end, o[1])
	}
	return b.String()
}

// hasChanged reports whether a run has changed something, or would have in a
// dry run.
func hasChanged(r assetsync.Result) bool {
	switch r.Outcome {
	case assetsync.Planned, assetsync.Created, assetsync.Published, assetsync.CheckedOut:
		return true
	}
	return len(r.Versions) > 0
}

// versions is the version that is live, of several targets an object of them.
// What is not known is left out.
func (run githubRun) versions() string {
	all := map[string]int32{}
	for _, r := range run.Targets {
		if r.Version > 0 {
			all[r.Target] = r.Version
		}
	}
	if len(run.Targets) > 1 {
		text, err := json.Marshal(all) // for programs: jsonText is for people
		if err != nil {                // it is made of texts and numbers
			panic(err)
		}
		return string(text)
	}
	for _, v := range all {
		return strconv.Itoa(int(v))
	}
	return ""
}

// place is where a file is for an annotation: relative to the workspace, or
// "" when it is not in it.
func (a *app) place(file string) string {
	workspace, _ := a.getenv("GITHUB_WORKSPACE")
	if workspace == "" || file == "" {
		return ""
	}
	for _, resolve := range []func(string) (string, error){func(s string) (string, error) { return s, nil }, filepath.EvalSymlinks} {
		top, err := resolve(workspace)
		if err != nil {
			return ""
		}
		at, err := resolve(file)
		if err != nil {
			return ""
		}
		if rel, err := filepath.Rel(top, at); err == nil && filepath.IsLocal(rel) && rel != "." {
			return filepath.ToSlash(rel)
		}
	}
	return ""
}

// fileOf is the file of a path in a target. A target that is a file has but
// itself; several that are one file have its name before a #.
func (run githubRun) fileOf(target, path string) string {
	if run.Dir == "" {
		return ""
	}
	at := filepath.Join(run.Dir, filepath.FromSlash(target))
	info, err := os.Stat(at)
	if name, _, several := strings.Cut(target, "#"); err != nil && several {
		at = filepath.Join(run.Dir, filepath.FromSlash(name))
		info, err = os.Stat(at)
	}
	switch {
	case err == nil && !info.IsDir():
		return at
	case path == "":
		return ""
	}
	return filepath.Join(at, filepath.FromSlash(path))
}
