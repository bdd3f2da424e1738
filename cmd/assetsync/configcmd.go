package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"
)

// schemaName is the schema's file in the state directory, for editors.
const schemaName = "assetsync.schema.json"

// schemaLine is the comment that leads editors to the schema.
const schemaLine = "# yaml-language-server: $schema=" + stateDirName + "/" + schemaName

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Print the JSON Schema of " + ConfigName,
		Example: "  assetsync config schema",
	}
	helpOrUnknown(cmd)
	cmd.AddCommand(a.configSchemaCommand())
	return cmd
}

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of " + ConfigName + ", for editors",
		Long: `Print the JSON Schema of ` + ConfigName + `: editors complete keys with it, show what
they mean, and mark what is wrong. A config that init wrote begins with the line

  ` + schemaLine + `

which editors with the YAML language server follow. Commands that use such a config
keep that file up to date. No config is read here.`,
		Example: "  assetsync config schema",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.jsonOut {
				return a.writeEnvelope(envelope{ConfigSchema: json.RawMessage(ConfigSchema())})
			}
			_, err := a.stdout.Write(ConfigSchema())
			return err
		},
	}
}

// keepSchema makes the schema in a state directory that of this program.
func keepSchema(dir string) error {
	name := filepath.Join(dir, schemaName)
	want := ConfigSchema()
	if have, err := os.ReadFile(name); err == nil && bytes.Equal(have, want) {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read schema of the config: %w", err)
	}
	if err := replaceFile(name, want); err != nil {
		return fmt.Errorf("write schema of the config: %w", err)
	}
	return nil
}

// schemaFor puts the schema where a config in dir that init wrote leads editors.
func (a *app) schemaFor(dir string) error {
	home := stateBeside(dir)
	if err := makeStateDir(home); err != nil {
		return err
	}
	return keepSchema(home)
}

// namesSchema reports whether a config leads editors to the schema in the state
// directory.
func namesSchema(config []byte) bool {
	return bytes.Contains(config, []byte("$schema="+path.Join(stateDirName, schemaName)))
}
