package main

import (
	"path/filepath"
)

// DirectOptions are what the command line says about a target without a
// config. Empty texts are not given.
type DirectOptions struct {
	Type       string   // told from the files when not given
	AssetID    string   // found by its name when not given
	AgentTypes []string // GENERIC when not given; for agents_md one asset each

	Region, AgentSpace, Endpoint, Profile string
}

// DirectConfig makes the config of one target, the directory or file at
// path, which is absolute. It has one environment, without a name, and is
// used like a config that was read. Errors are usage errors.
func DirectConfig(path string, opts DirectOptions) (*Config, error) {
	c := &Config{
		Dir: filepath.Dir(path),
		Single: EnvironmentConfig{
			Region:     ifGiven(opts.Region),
			AgentSpace: ifGiven(opts.AgentSpace),
			Endpoint:   ifGiven(opts.Endpoint),
			Profile:    ifGiven(opts.Profile),
		},
		Targets: []TargetConfig{{
			Path:   value[string]{filepath.Base(path), onCommandLine},
			Type:   ifGiven(opts.Type),
			direct: true,
		}},
	}
	t := &c.Targets[0]
	if opts.AssetID != "" {
		t.Asset = value[assetIDs]{assetIDs{Any: opts.AssetID}, onCommandLine}
	}
	if len(opts.AgentTypes) > 0 {
		t.AgentType = value[oneOrMore]{opts.AgentTypes, onCommandLine}
	}
	p := &problems{}
	t.checkValues(p, "", nil)
	return c, p.err()
}

// onCommandLine is the place of a setting that is in no file; messages show
// none.
var onCommandLine = pos{1, 1}

func ifGiven(s string) value[string] {
	if s == "" {
		return value[string]{}
	}
	return value[string]{s, onCommandLine}
}
