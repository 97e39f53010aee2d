/*
 * Tokens and public keys made once for test_jwt, their private keys thrown away. All tokens have
 * the claims {"aud":"http://own:1","exp":2000000000,"resource_access":{"http://own:1":{"roles":
 * ["registry","flows","x"]}}}, and beside kid only alg in the header.
 */
#ifndef KODO_TESTS_JWT_VECTORS_H
#define KODO_TESTS_JWT_VECTORS_H

#define VECTOR_RS256 \
	"eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIwMDA" \
	"wMDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0cnk" \
	"iLCJmbG93cyIsIngiXX19fQ.ithdDFZ3AUa3cs3xDvKJw7g_WYPhvIPbxOM1bS2SQWp3nALOc1fMK0pj" \
	"PIGwI10KNNsgYE9FPlM0mOZC9OVbxwMhVHZ17jnZ8ILnVIbJ_sgqJADY5bW0DTdOtGgfZVs3SZwXRKnX" \
	"uG5kTuuh-GjZtKtUBpx9G0ifV9GTraB9MMPFo_BpxpyY99ZE44_dZwrSUkn4cjGL5QpDwwzGfDMb_Qmy" \
	"j78bTs3xHexI7T-nNDitpiDROAX4u8Ln0d3YnLWM-yIV3ud6t0fxEFHxipoXALRuhNKnMdg9GFatMsEe" \
	"tCcnwxZJBT6XtEQpghnmWxWtsZkWuGgZxvPeQ0UTW3Pi8g"

#define VECTOR_RS384 \
	"eyJhbGciOiJSUzM4NCIsImtpZCI6InJzYSJ9.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIwMDA" \
	"wMDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0cnk" \
	"iLCJmbG93cyIsIngiXX19fQ.flW_XCwQrDkRa6-ak5gGashSwAX0UNlW_702Wb1nGHmBht580ZBwMU0o" \
	"UHQ_mBGn1mBaz3RAuQ7hnzkQIiRzThVqasrhc2tSVZStES15oFqMJoN2l6LKnjlwdjY9xSfrJKgi3fYN" \
	"RPvRm5wuKcAVrEuxL3ivW8Mb75b-cRBRQh3A9cZWAPgxnRyU6Sn2das4EuF_ZcVboC75ywrt2Js7MAcm" \
	"Gg_7J73FgkozIyGsFPv-Zu-OksUDbHMH-xJz61a14ogKozzfM5_T-CE87udD_VD4M3ErGIOS3MNuMaTU" \
	"zS2iHRGrDlL14vH8c46nuSPnVxxnDbSNVqP9qMwt13UWIA"

#define VECTOR_RS512 \
	"eyJhbGciOiJSUzUxMiIsImtpZCI6InJzYSJ9.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIwMDA" \
	"wMDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0cnk" \
	"iLCJmbG93cyIsIngiXX19fQ.Kxkva9p0XTNGPp8eycvLD5-Ya7ExzKTFQSjDTAkUcrY6RJ7QRUIKzw-e" \
	"dUWet10Ark-thBqsF92COWVwMONlNCOZsZqr8TQlnpmSy6uL1qzofENQK14lRerSGFaZpAjj0lL00LMW" \
	"sJjpYqgPvILcc4cy71z2twhN-uCDneL_NMzK6RNzHQ_ykfFMBFrb3ydKQx5IS1RwRyqNUbbjp7_VjQ4B" \
	"tUf-d74hXnNYKIRLodVQQA86-_yYL2Nc3FmD0Z6q8UaQhZvlLtrmWoA8btwx-u7GT0V4hOAtTSLCJ8VA" \
	"teDiMglBnkX2OVPuGl2KhufgZL44OLqLI6P8oQC9i-ILgw"

#define VECTOR_SMALL \
	"eyJhbGciOiJSUzI1NiIsImtpZCI6InNtYWxsIn0.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIw" \
	"MDAwMDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0" \
	"cnkiLCJmbG93cyIsIngiXX19fQ.CsAy5MaOrH_z48FGl0pnI18hg-kNiKwskYe8_zREEsOEZ_oaXeWcL" \
	"GV_H_7cjzsNjkyFfJ6UlrlG-60fAj3Fr5aT4p4gk7pdPm2dAo0EAI94Il5avP3FJw-CSdYq2LLlJq3vq" \
	"3dAhBmKLmwBoLdIiOZJcwG-bFIrG8HENmVRrEw"

#define VECTOR_PSS \
	"eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIwMDA" \
	"wMDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0cnk" \
	"iLCJmbG93cyIsIngiXX19fQ.M7EKGQ-bGvchik4wJWXcGCVzKs3Tp5o_Oe7FgUGSEyg6je8sTqebzI9F" \
	"OzbfXogKtcdRDY7IykArpFvxvN0UhJG4ocxGzmn_p2mE9AdzSFtoOHNoL-pSa7D2oiM3ZKdYFIbL4TGx" \
	"8IiIwO_a-cwKRw25DQ865Fmm0nfQv5paYFe4qgXhSj40RBWBiHVZNlW9VjKIhMzHvgYc-klbpBP4DMjq" \
	"5XzQraFrdSCvTanYqbtPtRKdAzVs2LCUhcPN-zN8kIOcEPbCdzlxheW0fttIP6A101MoBS9aJE7-EgGq" \
	"mqT76rf-h9rTNqT7X_eMKbaSjHTDdYMnBOxipof_okrMSA"

#define VECTOR_ES256 \
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIwMDAw" \
	"MDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0cnki" \
	"LCJmbG93cyIsIngiXX19fQ.EsC12bfo1S6trT60FpwrnNu3o7leZqntG_Kp3KiLDr1PdBW50xeDb236V" \
	"_9bOzVlXPE254eGL8i2XnrU3wkK3g"

#define VECTOR_ES256_DER \
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIwMDAw" \
	"MDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0cnki" \
	"LCJmbG93cyIsIngiXX19fQ.MEQCIBoBXP-Mmevnu2wkvHWYG7XysWLJJ-WT0SoR3OMOj6itAiBMTl6Qx" \
	"qubsXcZdtw9MYpNkoYZ_OrG1an7AaOauTntAw"

#define VECTOR_ES256_CUT \
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIwMDAw" \
	"MDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0cnki" \
	"LCJmbG93cyIsIngiXX19fQ.EsC12bfo1S6trT60FpwrnNu3o7leZqntG_Kp3KiLDr1PdBW50xeDb236V" \
	"_9bOzVlXPE254eGL8i2XnrU3w"

#define VECTOR_ES256_LONG \
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIwMDAw" \
	"MDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0cnki" \
	"LCJmbG93cyIsIngiXX19fQ.EsC12bfo1S6trT60FpwrnNu3o7leZqntG_Kp3KiLDr1PdBW50xeDb236V" \
	"_9bOzVlXPE254eGL8i2XnrU3wkK3gAAAA"

#define VECTOR_HS256_PEM \
	"eyJhbGciOiJIUzI1NiIsImtpZCI6InJzYSJ9.eyJhdWQiOiJodHRwOi8vb3duOjEiLCJleHAiOjIwMDA" \
	"wMDAwMDAsInJlc291cmNlX2FjY2VzcyI6eyJodHRwOi8vb3duOjEiOnsicm9sZXMiOlsicmVnaXN0cnk" \
	"iLCJmbG93cyIsIngiXX19fQ._WSrIV3244WcradmMg2LzwEYINtuJBiULsjwk3ODuSs"

#define VECTOR_N \
	"n_WcFiYORPpwUhnGJl0mHENujj4zkXELKmDrnCPLmfUcx9mcgd5fEOFkGCqMwTbjpsb9i0tW7Ql6MmWW" \
	"wCN-aigyCIG5ECwzqBrNfm2p9RuXaGunsMmzv9bTzV9FwpLh2_76a860Bs03dllMi2Vs5yuhcq4tUMwY" \
	"_4ZONswzZFUcnPjeBL7_CYz8s5ksu8y3fQIecr0Vx8vsy63e-okIoJrTueZvpnHOzgsSFanMvuLxUmgW" \
	"Zh0GsCZgwrBBFK8zVgZy-nw4vcaGQo9JwmGRUK76lQktCh8WRHHYwNCDu_9ElYQbZE9UCIceNCX6lWhW" \
	"nEpTKkqm1VDJUykDEKo0pw"

#define VECTOR_SMALL_N \
	"zB1MBS2E95H8GRYbmV6-UTDwfAFRzZicx-M7AahUrwyrEKfIcX5XOhACxtLoPim4stcCLguqKP13H5ET" \
	"EUGZMG5grPeSv_MV9bfjTDQfF1Y0daXBtI5L0SgzIi2kAAIvD-S7_BrF1ujmVwGGsrOajuq4beBw5E64" \
	"mQ5GhyctEFs"

#define VECTOR_EC_X \
	"fEQhJ5_CmkY0ka9FsKz9zIxZLZi581iQBwK3b69OH3w"

#define VECTOR_EC_Y \
	"hO9swYFo-t8cMeRRbbwl8pTx504UBZuAYPd2vEyptUc"

/* RFC 7515, A.2 and A.3; RFC 8037, A.4 */
#define RFC7515_N \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJ" \
	"PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0" \
	"LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD" \
	"Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2" \
	"PAcDTW9gb54h4FRWyuXpoQ"

#define RFC7515_RS256 \
	"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9" \
	"leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2Vt" \
	"Qgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKB" \
	"YNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN" \
	"9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI" \
	"8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"

#define RFC7515_X \
	"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"

#define RFC7515_Y \
	"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

#define RFC7515_ES256 \
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9" \
	"leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXF" \
	"CgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

#define RFC8037_EDDSA \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1P" \
	"POt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

#endif
