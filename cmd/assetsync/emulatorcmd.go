package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"assetsync/remote/emulator"
)

const (
	// emulatorHeaderTimeout and emulatorDrain bound a slow client and the
	// end of the server.
	emulatorHeaderTimeout = 10 * time.Second
	emulatorDrain         = 5 * time.Second
)

func (a *app) emulatorCommand() *cobra.Command {
	var addr, data, credentials string
	var spaces, quirks, faults []string
	var quota int
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve the wire of the service on this machine",
		Long: `Serve the wire of the service on this machine, as strict as the service is
known to be, and print "listening on URL" on standard output. Assets are kept
in --data. Without --credentials-file it listens on loopback addresses only
and asks for no signature.

Where nobody knows how the service behaves, --quirk chooses:

` + quirkHelp() + `
--fault makes requests fail, for rehearsals: op=OPERATION,nth=N,count=N|all,
kind=KIND, of which only kind is needed. KIND is throttle, 500, 503,
expired-token, denied, reset-before (no effect), reset-after (after the
effect), truncate, not-json, delay:DURATION or late:DURATION|REQUESTS (cut
now, with the effect later).`,
		Example: `  assetsync emulator --addr 127.0.0.1:8080 --data ./assets
  assetsync emulator --quirk create-existing=overwrite --fault op=UpdateAsset,nth=2,kind=throttle`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts := emulator.Options{Exclusive: true, Clock: a.now, NewID: newID, Spaces: spaces, Quota: quota, Logger: a.structuredLog()}
			var err error
			if quota < 0 {
				return usageError(nil, "give a number from 0, which is the service's own", "--quota %d is below zero", quota)
			}
			if opts.Quirks, opts.Faults, err = parseRules(quirks, faults); err != nil {
				return err
			}
			if opts.Credentials, err = a.readCredentials(credentials); err != nil {
				return err
			}
			if credentials == "" && !isLoopback(addr) {
				return usageError(nil, "use 127.0.0.1:PORT, or give --credentials-file", "--addr %s is not a loopback address, and without credentials anybody could write", addr)
			}
			throw := ""
			if data == "" {
				if throw, err = os.MkdirTemp("", "assetsync-emulator-"); err != nil {
					return err
				}
				data = throw
			}
			data = a.abs(data)
			if err := os.MkdirAll(data, 0o700); err != nil {
				return err
			}
			opts.Path = filepath.Join(data, "emulator.db")
			err = a.serve(cmd.Context(), addr, opts)
			if throw != "" {
				err = errors.Join(err, os.RemoveAll(throw))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&addr, "addr", "127.0.0.1:0", "listen on `HOST:PORT`; port 0 takes a free one")
	f.StringVar(&data, "data", "", "keep the assets in `DIR` (default: nowhere, they end with the process)")
	f.StringVar(&credentials, "credentials-file", "", "verify signatures with the KEY:SECRET lines of `FILE`")
	f.StringArrayVar(&spaces, "space", nil, "serve the agent space `ID` and no others (default: any), repeatable")
	f.IntVar(&quota, "quota", 0, "take `N` skills and as many agents in a space (default: the service's 200)")
	f.StringArrayVar(&quirks, "quirk", nil, "behave so where the documentation is silent: `NAME=VALUE`, repeatable")
	f.StringArrayVar(&faults, "fault", nil, "make requests fail: `RULE`, repeatable")
	return cmd
}

func quirkHelp() string {
	var b strings.Builder
	for _, q := range emulator.AllQuirks() {
		readings := "N"
		if len(q.Readings) > 0 {
			readings = strings.Join(q.Readings, "|")
		}
		fmt.Fprintf(&b, "  %s=%s\n      %s\n", q.Name, readings, q.About)
	}
	return b.String()
}

func parseRules(quirks, faults []string) (q emulator.Quirks, rules []emulator.Fault, err error) {
	for _, text := range quirks {
		if err := q.ParseQuirk(text); err != nil {
			return q, nil, usageError(err, "assetsync emulator --help lists the quirks", "--quirk: %v", err)
		}
	}
	for _, text := range faults {
		rule, err := emulator.ParseFault(text)
		if err != nil {
			return q, nil, usageError(err, "assetsync emulator --help says what a rule is", "--fault: %v", err)
		}
		rules = append(rules, rule)
	}
	return q, rules, nil
}

func (a *app) readCredentials(name string) ([]emulator.Credential, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(a.abs(name))
	if err != nil {
		return nil, usageError(err, "give a file with a line KEY:SECRET", "read credentials: %v", err)
	}
	defer f.Close()
	list, err := emulator.ParseCredentialsFile(f)
	if err != nil {
		return nil, usageError(err, "give a file with a line KEY:SECRET", "read credentials %s: %v", name, err)
	}
	return list, nil
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sayListening tells programs where the emulator is, before it answers.
func (a *app) sayListening(url string) error {
	if a.jsonOut {
		return a.writeEnvelope(envelope{URL: url})
	}
	_, err := fmt.Fprintf(a.stdout, "listening on %s\n", url)
	return err
}

// serve answers requests until ctx ends.
func (a *app) serve(ctx context.Context, addr string, opts emulator.Options) error {
	handler, err := emulator.New(opts)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return errors.Join(usageError(err, "choose another --addr", "listen on %s: %v", addr, err), handler.Close())
	}
	logged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.log.Debug("request", zap.String("method", r.Method), zap.String("path", r.URL.EscapedPath()))
		handler.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: logged, ReadHeaderTimeout: emulatorHeaderTimeout, ErrorLog: zap.NewStdLog(a.log)}
	if err := a.sayListening("http://" + listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close(), handler.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), emulatorDrain)
		defer cancel()
		err = server.Shutdown(drain)
		<-ended
	}
	return errors.Join(err, handler.Close())
}
