package embedded

import (
	"fmt"
	"io"

	"go.temporal.io/server/common/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"
)

// A log is begun anew at logMB megabytes; of the old ones the newest logKept stay,
// compressed. An outage of a whole site fills a few megabytes a day.
const (
	logMB   = 50
	logKept = 5
)

// OpenLog opens a log that never fills the disk: it is set aside when it is large, as
// NAME-TIME.log.gz beside it. The error says why the file cannot be written.
func OpenLog(name string) (io.WriteCloser, error) {
	l := &lumberjack.Logger{Filename: name, MaxSize: logMB, MaxBackups: logKept, Compress: true}
	if _, err := l.Write(nil); err != nil {
		return nil, fmt.Errorf("the log cannot be written: %w", err)
	}
	return l, nil
}

// serverLog keeps the server's own warnings in a file of the data folder: they
// are for whoever debugs Temporal, not for the admin.
func serverLog(to io.Writer) log.Logger {
	return log.NewZapLogger(zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(log.DefaultZapEncoderConfig), zapcore.Lock(zapcore.AddSync(to)), zapcore.WarnLevel), zap.AddStacktrace(zapcore.ErrorLevel)))
}
