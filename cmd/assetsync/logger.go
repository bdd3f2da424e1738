package main

import (
	"io"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logFormats are what --log-format takes.
var logFormats = []string{"console", "json"}

// logLevel is the level of the log: what -v asks for, or that of the verb.
func (a *app) logLevel(verb zapcore.Level) zapcore.Level {
	if a.verbose {
		return zapcore.DebugLevel
	}
	return verb
}

// newLogger makes the logger of a run.
func newLogger(w io.Writer, level zapcore.Level, format string) (*zap.Logger, error) {
	var enc zapcore.Encoder
	switch format {
	case "console":
		enc = newConsoleEncoder()
	case "json":
		cfg := zap.NewProductionEncoderConfig()
		cfg.EncodeTime = zapcore.RFC3339NanoTimeEncoder
		enc = zapcore.NewJSONEncoder(cfg)
	default:
		return nil, usageError(nil, "use "+wordList(logFormats, "or"), "--log-format %s is not known", quoted(format))
	}
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(w)), level)), nil
}

// structuredLog is the log for packages that take the standard library's
// logger, in the same format.
func (a *app) structuredLog() *slog.Logger {
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	opts := &slog.HandlerOptions{Level: level}
	if a.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, opts))
	}
	return slog.New(slog.NewTextHandler(a.stderr, opts))
}
