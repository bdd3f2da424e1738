package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"assetsync/remote/assettype"
)

// initFlags are what the command line of init says.
type initFlags struct {
	InitOptions
	assetID string // the asset to go on with
	pin     bool   // assets that are there are looked for
}

func (a *app) initCommand() *cobra.Command {
	var o initFlags
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write an assetsync.yaml for what is here",
		Long: `Write a commented assetsync.yaml into DIR (default: the working directory) for
the skills, AGENTS.md files and custom agents found below it. Type and
metadata are guessed from them. Without --region, --agent-space or --endpoint
the remote is an embedded one in .assetsync/, to try things out; on a terminal
init asks for them, and elsewhere never. A file is never overwritten.

With --pin, init looks in the agent space for assets that are there already, by the
name in the frontmatter or the agent type, shows them, and pins their ids, so that a
push goes on with them and makes no second one. --asset names the asset of the one
target that DIR holds.

With --scan, all skills of a repository become one entry with what they share, those
that differ follow one by one, and what looks like a skill and is none is listed with
the reason.`,
		Example: `  assetsync init
  assetsync init --region eu-west-1 --agent-space sp-1a2b3c4d --pin
  assetsync init --scan --agent-type CHAT --agent-type INCIDENT_RCA
  assetsync init skills/eks-triage --endpoint embedded --asset ki-5b1c9f3a`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(nil, "see assetsync init --help", "init takes one directory, and was given %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := a.cwd
			if len(args) == 1 {
				dir = a.abs(args[0])
			}
			if a.canAsk() && !a.jsonOut && o.incomplete() {
				d := &initDialogue{app: a, in: a.stdin, flags: &o}
				var err error
				if dir, err = d.run(cmd.Context(), dir, len(args) == 1); err != nil {
					return err
				}
			}
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				return usageError(err, "name a directory that exists", "init %s: no such directory", shortPath(dir, a.cwd))
			}
			if err := o.check(); err != nil {
				return err
			}
			return a.initIn(cmd.Context(), dir, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Region, "region", "", "the AWS `REGION`")
	f.StringVar(&o.AgentSpace, "agent-space", "", "the agent space `ID`")
	f.StringVar(&o.Endpoint, "endpoint", "", "the `URL` of the service, or embedded")
	f.StringVar(&o.Account, "account", "", "the AWS `ACCOUNT`, checked before the first write")
	f.StringVar(&o.Profile, "profile", "", "the AWS `PROFILE`")
	f.StringVar(&o.Type, "type", "", "only assets of `TYPE`")
	f.StringArrayVar(&o.AgentTypes, "agent-type", nil, "an agent `TYPE` that uses the skills (default: GENERIC); repeatable")
	f.BoolVar(&o.Scan, "scan", false, "one entry for all skills, and a list of what only looks like one")
	f.BoolVar(&o.pin, "pin", false, "look for assets that are there already, and pin their ids")
	f.StringVar(&o.assetID, "asset", "", "the `ID` of the asset to go on with")
	return cmd
}

// incomplete reports whether it is not said where the assets live.
func (o initFlags) incomplete() bool {
	return o.local() || endpointFault(o.Endpoint) == "" && o.InitOptions.check() != nil
}

func (o initFlags) check() error {
	if err := o.InitOptions.check(); err != nil {
		return err
	}
	_, known := assettype.Lookup(o.Type)
	switch {
	case o.Type != "" && !known:
		return usageError(nil, "assetsync asset types lists what the service knows", "--type %s is unknown%s", quoted(o.Type), didYouMean(o.Type, typeNames()))
	case o.assetID != "" && !assetID().MatchString(o.assetID):
		return usageError(nil, "assetsync asset list shows the ids", "--asset %s is no asset id", quoted(o.assetID))
	case (o.pin || o.assetID != "") && o.local():
		return usageError(nil, "give --region and --agent-space, or --endpoint", "init: where the assets are to be looked for is not said")
	}
	for _, t := range o.AgentTypes {
		if !agentTypeForm().MatchString(t) {
			return usageError(nil, "they are written as INCIDENT_RCA", "--agent-type %s is no agent type%s", quoted(t), didYouMean(strings.ToUpper(t), assettype.AgentTypes()))
		}
	}
	return nil
}

// initIn writes the config of a directory and says what it holds.
func (a *app) initIn(ctx context.Context, dir string, o initFlags) error {
	root := os.DirFS(dir)
	text, summary, err := GenerateConfig(root, o.InitOptions)
	if err != nil {
		return err
	}
	var there map[string]assetReport
	if o.pin || o.assetID != "" {
		if there, err = a.findThere(ctx, dir, text, summary, o); err != nil {
			return err
		}
		if text, summary, err = adopted(root, o.InitOptions, there, summary); err != nil {
			return err
		}
	}
	name := filepath.Join(dir, ConfigName)
	if err := WriteNewConfig(name, text); err != nil {
		return err
	}
	if err := a.schemaFor(dir); err != nil {
		a.say("note: %v", err) // the config is written: the next command tries it again
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{Targets: initTargets(summary, there), Skipped: skippedReports(summary.Skipped)})
	}
	return a.sayInit(name, o, summary, there)
}

// adopted makes the config once more, with the assets that are there.
func adopted(root fs.FS, o InitOptions, there map[string]assetReport, before InitSummary) ([]byte, InitSummary, error) {
	o.Adopted = map[string]Adopted{}
	for _, t := range before.Targets {
		if r, ok := there[t.Name]; ok {
			o.Adopted[t.Name] = Adopted{ID: r.AssetID, AgentTypes: agentTypesOf(r.Metadata)}
		}
	}
	return GenerateConfig(root, o)
}

// sayInit says what was written.
func (a *app) sayInit(name string, o initFlags, summary InitSummary, there map[string]assetReport) error {
	for _, n := range summary.Notes {
		a.say("note: %s", n)
	}
	rows := [][]string{{"wrote " + shortPath(name, a.cwd)}}
	for _, t := range summary.Targets {
		rows = append(rows, append([]string{"  " + t.Name, t.Type}, thereWords(there, t.Name)...))
	}
	if err := a.table(rows); err != nil {
		return err
	}
	for _, s := range summary.Skipped {
		a.say("skipped: %s %s", shownText(s.Path), shownText(s.Reason))
	}
	if o.local() {
		a.say("note: the remote is an embedded one in .assetsync/, to try things out: replace endpoint: by region: and agent_space: for the service")
	}
	switch {
	case len(summary.Targets) == 0:
		a.say("note: no skill, AGENTS.md or custom agent was found: add what there is under targets:")
	case len(there) > 0:
		a.say("next: assetsync status shows what differs from what is there")
	default:
		a.say("next: assetsync push --dry-run shows what a push would publish")
	}
	return nil
}

// initTarget is a target of the envelope of init.
type initTarget struct {
	Target  string `json:"target"`
	Type    string `json:"type"`
	AssetID string `json:"asset_id,omitempty"` // of the asset that is there already
	Version int32  `json:"version,omitempty"`  // of that
}

func initTargets(summary InitSummary, there map[string]assetReport) []initTarget {
	out := make([]initTarget, len(summary.Targets))
	for i, t := range summary.Targets {
		out[i] = initTarget{t.Name, t.Type, there[t.Name].AssetID, there[t.Name].Version}
	}
	return out
}

// skippedReport is what looks like a target and is none, in the envelope.
type skippedReport struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func skippedReports(skipped []Skipped) (out []skippedReport) {
	for _, s := range skipped {
		out = append(out, skippedReport{s.Path, s.Reason})
	}
	return out
}
