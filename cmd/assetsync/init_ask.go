package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"assetsync/remote/assettype"
	"assetsync/remote/aws"
)

// maxAsked is how often one question is put before init gives up.
const maxAsked = 3

// regionPatience is how long the AWS configuration may take to name a region.
const regionPatience = 3 * time.Second

// initDialogue asks for what the command line of init leaves open.
type initDialogue struct {
	*app
	in    io.Reader
	flags *initFlags
}

// run fills the flags and returns the directory.
func (d *initDialogue) run(ctx context.Context, dir string, dirGiven bool) (string, error) {
	d.say("This writes %s. An empty answer takes what is in brackets.", ConfigName)
	if !dirGiven {
		answer, err := d.put(ctx, "directory that holds the assets", ".", directoryFault(d.app))
		if err != nil {
			return "", err
		}
		dir = d.abs(answer)
	}
	if _, err := os.Stat(filepath.Join(dir, ConfigName)); err == nil {
		return "", configExists(ConfigName) // before more is asked
	}
	assets, err := d.look(dir)
	if err != nil {
		return "", err
	}
	if err := d.askPlace(ctx, dir); err != nil {
		return "", err
	}
	return dir, d.askAssets(ctx, assets)
}

// look says what is there.
func (d *initDialogue) look(dir string) ([]foundAsset, error) {
	assets, _, err := findAssets(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	if len(assets) == 0 {
		d.say("no skill, AGENTS.md or custom agent is there yet")
	}
	for _, a := range assets {
		d.say("  found %s (%s)", shownText(a.path), a.typ)
	}
	return assets, nil
}

// askPlace asks where the assets live.
func (d *initDialogue) askPlace(ctx context.Context, dir string) error {
	o := &d.flags.InitOptions
	known, err := nearby(filepath.Dir(dir))
	if err != nil {
		d.say("note: %v", err)
	}
	if o.Region == "" && o.Endpoint == "" {
		def := orDefault(known.Region, d.usualRegion(ctx))
		answer, err := d.put(ctx, "AWS region, or embedded to try it out on this machine", orDefault(def, EmbeddedEndpoint), regionFault)
		if err != nil {
			return err
		}
		if answer == EmbeddedEndpoint {
			o.Endpoint = EmbeddedEndpoint
			return nil
		}
		o.Region = answer
	}
	if o.AgentSpace == "" {
		if o.AgentSpace, err = d.put(ctx, "agent space id", known.AgentSpace, spaceFault); err != nil {
			return err
		}
	}
	if o.Endpoint == "" {
		const usual = "the service"
		answer, err := d.put(ctx, "endpoint", orDefault(known.Endpoint, usual), func(s string) string {
			if s == usual {
				return ""
			}
			return endpointFault(s)
		})
		if err != nil {
			return err
		}
		if answer != usual {
			o.Endpoint = answer
		}
	}
	o.Account, o.Profile = orDefault(o.Account, known.Account), orDefault(o.Profile, known.Profile)
	return nil
}

// askAssets asks what is to be published, and for whom.
func (d *initDialogue) askAssets(ctx context.Context, assets []foundAsset) error {
	var types []string
	for _, a := range assets {
		if !slices.Contains(types, a.typ) {
			types = append(types, a.typ)
		}
	}
	if o := d.flags; o.Type == "" && len(types) > 1 {
		answer, err := d.put(ctx, "type to publish: "+wordList(types, "or"), "all", wordFault(append(types, "all")))
		if err != nil {
			return err
		}
		if answer != "all" {
			o.Type = answer
		}
	}
	skills := slices.Contains(types, assettype.Skill) && (d.flags.Type == "" || d.flags.Type == assettype.Skill)
	if skills && len(d.flags.AgentTypes) == 0 {
		answer, err := d.put(ctx, "agent types that use the skills", genericAgent, agentTypesFault)
		if err != nil {
			return err
		}
		d.flags.AgentTypes = wordsOf(answer)
	}
	if len(assets) == 0 || d.flags.pin || d.flags.assetID != "" || d.flags.Endpoint == EmbeddedEndpoint {
		return nil
	}
	answer, err := d.put(ctx, "look in the agent space for assets that are there, and go on with them", "yes", wordFault([]string{"yes", "no"}))
	d.flags.pin = answer == "yes"
	return err
}

// put puts a question until its answer has no fault; def is what an empty answer
// stands for, "" when there has to be one.
func (d *initDialogue) put(ctx context.Context, question, def string, fault func(string) string) (string, error) {
	if def != "" {
		question += " [" + shownText(def) + "]"
	}
	for range maxAsked {
		answer, err := d.ask(ctx, d.in, question+": ")
		if err != nil {
			return "", err
		}
		answer = orDefault(answer, def)
		reason := fault(answer)
		if answer == "" {
			reason = "an answer is needed"
		}
		if reason == "" {
			return answer, nil
		}
		d.say("%s %s", quoted(answer), reason)
	}
	return "", usageError(nil, "nothing was written; assetsync init --help lists the flags that answer as well", "init: no usable answer to %q", question)
}

// usualRegion is the region that the environment or the AWS configuration names;
// "" for none.
func (d *initDialogue) usualRegion(ctx context.Context) string {
	for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if region, _ := d.getenv(variable); region != "" {
			return region
		}
	}
	ctx, cancel := context.WithTimeout(ctx, regionPatience)
	defer cancel()
	transport, err := aws.New(ctx, aws.Options{Profile: d.flags.Profile, Clock: d.now})
	if err != nil {
		d.log.Debug("no default for the region: " + err.Error())
		return ""
	}
	return transport.Region()
}

func directoryFault(a *app) func(string) string {
	return func(answer string) string {
		if info, err := os.Stat(a.abs(answer)); err != nil || !info.IsDir() {
			return "is no directory that exists"
		}
		return ""
	}
}

func regionFault(answer string) string {
	if !regionForm().MatchString(answer) {
		return "is no region: they are written as eu-west-1"
	}
	return ""
}

func spaceFault(answer string) string {
	if strings.ContainsAny(answer, " \t/") {
		return "is no agent space id: it has no spaces and no slashes"
	}
	return ""
}

func wordFault(words []string) func(string) string {
	return func(answer string) string {
		if !slices.Contains(words, answer) {
			return "is unknown" + didYouMean(answer, words)
		}
		return ""
	}
}

func agentTypesFault(answer string) string {
	for _, name := range wordsOf(answer) {
		if !agentTypeForm().MatchString(name) {
			return "is no list of agent types; known: " + wordList(assettype.AgentTypes(), "and")
		}
	}
	return ""
}

// wordsOf splits a list of words as people write it.
func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}
