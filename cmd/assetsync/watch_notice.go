package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.uber.org/zap"

	"assetsync/sync/daemon"
	"assetsync/sync/daemon/notice"
)

// allowedNotify is what --allow-notify was given for.
type allowedNotify struct {
	said string // by the config that the daemon started with
	tell func(context.Context, daemon.Event) error
}

// notifying returns who is told of events by a config, nil for nobody. What a
// config says may have come with a clone: without --allow-notify nothing of it
// is run or called, and no variable is read for it. What came later, with a pull, is
// not what was allowed.
func (f *fleet) notifying(config *Config, env Environment) (func(context.Context, daemon.Event) error, error) {
	if !f.allowNotify {
		if config.Notifying.At.set() && !f.notifyNoted {
			f.notifyNoted = true
			f.log.Warn("notify: of the config is not in use: watch --allow-notify allows what it runs or calls", zap.String("config", config.File))
		}
		return nil, nil
	}
	said := fmt.Sprintf("%q %q", config.Notifying.Command.V, config.Notifying.Webhook.V)
	switch {
	case f.allowed == nil:
		tell, err := newTeller(config, env, f.getenv)
		if err != nil {
			return nil, err
		}
		f.allowed = &allowedNotify{said, tell}
	case !config.Notifying.At.set():
		return nil, nil
	case said != f.allowed.said:
		f.log.Warn("notify: of the config is not what it was when --allow-notify was given, which stays in use: start the daemon again to allow it", zap.String("config", config.File))
	}
	return f.allowed.tell, nil
}

// newTeller makes what tells people, nil for nobody.
func newTeller(config *Config, env Environment, getenv func(string) (string, bool)) (func(context.Context, daemon.Event) error, error) {
	settings, err := config.Notify(getenv)
	if err != nil || settings == nil {
		return nil, err
	}
	return func(ctx context.Context, e daemon.Event) error {
		m := notice.NewMessage(e, env.Name, config.Dir)
		var errs []error
		if len(settings.Command) > 0 {
			errs = append(errs, notice.Command{Argv: settings.Command, Dir: config.Dir}.Send(ctx, m))
		}
		if settings.Webhook != nil {
			errs = append(errs, settings.Webhook.Send(ctx, m))
		}
		return errors.Join(errs...)
	}, nil
}

// alarmFile keeps what was told, as a JSON object of lists by target.
type alarmFile string

// Load implements [daemon.Alarms]. A file that is damaged says nothing: the
// worst that comes of it is being told twice.
func (f alarmFile) Load() (map[string][]daemon.EventKind, error) {
	data, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}
	var told map[string][]daemon.EventKind
	if err := json.Unmarshal(data, &told); err != nil {
		return nil, fmt.Errorf("read what was told: %s is damaged: %w", string(f), err)
	}
	return told, nil
}

// Save implements [daemon.Alarms].
func (f alarmFile) Save(told map[string][]daemon.EventKind) error {
	data, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("keep what was told: %w", err)
	}
	if err := replaceFile(string(f), append(data, '\n')); err != nil {
		return fmt.Errorf("keep what was told: %w", err)
	}
	return nil
}
