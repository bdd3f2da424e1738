package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (a *app) initCommand() *cobra.Command {
	var o InitOptions
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write an assetsync.yaml for what is here",
		Long: `Write a commented assetsync.yaml into DIR (default: the working directory) for
the skills, AGENTS.md files and custom agents found below it. Type and
metadata are guessed from them. Without --region, --agent-space or --endpoint
the remote is an embedded one in .assetsync/, to try things out.`,
		Example: `  assetsync init
  assetsync init --region eu-west-1 --agent-space sp-1a2b3c4d`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(nil, "see assetsync init --help", "init takes one directory, and was given %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir := a.cwd
			if len(args) == 1 {
				dir = a.abs(args[0])
				if info, err := os.Stat(dir); err != nil || !info.IsDir() {
					return usageError(err, "name a directory that exists", "init %s: no such directory", args[0])
				}
			}
			if err := o.check(); err != nil {
				return err
			}
			text, summary, err := GenerateConfig(os.DirFS(dir), o)
			if err != nil {
				return err
			}
			name := filepath.Join(dir, ConfigName)
			if err := WriteNewConfig(name, text); err != nil {
				return err
			}
			if err := a.schemaFor(dir); err != nil {
				a.say("note: %v", err) // the config is written: the next command tries it again
			}
			if a.jsonOut {
				return a.writeEnvelope(envelope{Targets: initTargets(summary)})
			}
			for _, n := range summary.Notes {
				a.say("note: %s", n)
			}
			rows := [][]string{{"wrote " + shortPath(name, a.cwd)}}
			for _, t := range summary.Targets {
				rows = append(rows, []string{"  " + t.Name, t.Type})
			}
			if err := a.table(rows); err != nil {
				return err
			}
			if o.local() {
				a.say("note: the remote is an embedded one in .assetsync/, to try things out: replace endpoint: by region: and agent_space: for the service")
			}
			if len(summary.Targets) == 0 {
				a.say("note: no skill, AGENTS.md or custom agent was found: add what there is under targets:")
				return nil
			}
			a.say("next: assetsync push --dry-run shows what a push would publish")
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Region, "region", "", "the AWS `REGION`")
	f.StringVar(&o.AgentSpace, "agent-space", "", "the agent space `ID`")
	f.StringVar(&o.Endpoint, "endpoint", "", "the `URL` of the service, or embedded")
	f.StringVar(&o.Account, "account", "", "the AWS `ACCOUNT`, checked before the first write")
	f.StringVar(&o.Profile, "profile", "", "the AWS `PROFILE`")
	return cmd
}

// initTarget is a target of the envelope of init.
type initTarget struct {
	Target string `json:"target"`
	Type   string `json:"type"`
}

func initTargets(summary InitSummary) []initTarget {
	out := make([]initTarget, len(summary.Targets))
	for i, t := range summary.Targets {
		out[i] = initTarget{t.Name, t.Type}
	}
	return out
}
