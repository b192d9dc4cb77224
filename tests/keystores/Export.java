import java.io.File;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Collections;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** Prints as PEM what Java itself finds in a store: STORE PASSWORD trusted, or STORE PASSWORD identity [KEYPASSWORD]. */
public class Export {
    public static void main(String[] given) throws Exception {
        char[] password = given[1].toCharArray();
        KeyStore store = KeyStore.getInstance(new File(given[0]), password);
        if (given[2].equals("trusted")) {
            TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
            factory.init(store);
            X509TrustManager manager = (X509TrustManager) factory.getTrustManagers()[0];
            for (X509Certificate certificate : manager.getAcceptedIssuers()) {
                print("CERTIFICATE", certificate.getEncoded());
            }
            return;
        }
        for (String alias : Collections.list(store.aliases())) {
            if (store.isKeyEntry(alias)) {
                char[] own = given.length > 3 ? given[3].toCharArray() : password;
                print("PRIVATE KEY", store.getKey(alias, own).getEncoded());
                for (Certificate certificate : store.getCertificateChain(alias)) {
                    print("CERTIFICATE", certificate.getEncoded());
                }
            }
        }
    }

    static void print(String label, byte[] der) {
        System.out.println("-----BEGIN " + label + "-----");
        System.out.println(Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der));
        System.out.println("-----END " + label + "-----");
    }
}
