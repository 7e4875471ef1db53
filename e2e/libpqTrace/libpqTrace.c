/*
 * Preloaded into a program that uses libpq, it has libpq trace every connection (PQtrace) from the moment it is made, into
 * $PGTAPE_TRACE_DIR/<backend pid>-<n>.trace, without times. Knows nothing of what the trace says.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct pg_conn PGconn;

static void *
libpq(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void
trace(PGconn *conn)
{
	static int number;
	/* libpq may come through PQconnectPoll on its own way, too. */
	static int	traced;
	int			(*status) (const PGconn *) = libpq("PQstatus");
	int			(*backend) (const PGconn *) = libpq("PQbackendPID");
	void		(*start) (PGconn *, FILE *) = libpq("PQtrace");
	void		(*flags) (PGconn *, int) = libpq("PQsetTraceFlags");
	const char *dir = getenv("PGTAPE_TRACE_DIR");
	char		path[4096];
	FILE	   *file;

	/* CONNECTION_OK is 0. */
	if (dir == NULL || conn == NULL || status(conn) != 0 || backend(conn) == traced)
		return;
	traced = backend(conn);
	snprintf(path, sizeof(path), "%s/%d-%d.trace", dir, backend(conn), number++);
	file = fopen(path, "w");
	if (file == NULL)
		return;
	start(conn, file);
	/* PQTRACE_SUPPRESS_TIMESTAMPS */
	flags(conn, 1);
}

PGconn *
PQconnectdb(const char *conninfo)
{
	PGconn	   *(*real) (const char *) = libpq("PQconnectdb");
	PGconn	   *conn = real(conninfo);

	trace(conn);
	return conn;
}

PGconn *
PQconnectdbParams(const char *const *keywords, const char *const *values, int expand)
{
	PGconn	   *(*real) (const char *const *, const char *const *, int) = libpq("PQconnectdbParams");
	PGconn	   *conn = real(keywords, values, expand);

	trace(conn);
	return conn;
}

/* What connects step by step: PGRES_POLLING_OK is 3. */
int
PQconnectPoll(PGconn *conn)
{
	int			(*real) (PGconn *) = libpq("PQconnectPoll");
	int			polled = real(conn);

	if (polled == 3)
		trace(conn);
	return polled;
}
