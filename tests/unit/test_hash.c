#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/hash.h"

/* vectors_sip64 of the reference implementation, https://github.com/veorq/SipHash */
static void
test_vectors(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
		{ 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd }, { 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 },
	};
	const struct hash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	char text[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
		    hash_text(key, (struct str){ text, rows[i].len }), rows[i].hash);
	assert_int_equal(hash_text(key, STR_NULL), rows[0].hash);
}

/* Give what a process of its own makes of draw(). */
static uint64_t
in_child(uint64_t (*draw)(void))
{
	uint64_t number = 0;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		number = draw();
		_exit(write(ends[1], &number, sizeof(number)) != (ssize_t)sizeof(number));
	}
	assert_int_equal(read(ends[0], &number, sizeof(number)), sizeof(number));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
	return number;
}

static uint64_t
draw_key(void)
{
	const struct hash_key a = hash_key_own(), b = hash_key_own();

	return a.k0 == b.k0 && a.k1 == b.k1 && a.k0 != a.k1 ? a.k0 : 0;
}

/* As on a kernel before 3.17: the call is not there. */
static uint64_t
draw_without_call(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getrandom, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	char byte;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0 ||
	    syscall(__NR_getrandom, &byte, 1, 0) != -1)
		return 0;
	return draw_key();
}

/* One key a process, and each its own, whatever the kernel has. */
static void
test_own_key(void **state)
{
	const uint64_t keys[] = { in_child(draw_key), in_child(draw_key),
		in_child(draw_without_call), in_child(draw_without_call) };
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_int_not_equal(keys[i], 0);
		for (j = 0; j < i; j++)
			assert_int_not_equal(keys[i], keys[j]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_own_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
